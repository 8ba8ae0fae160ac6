// What BoundPlay and KLPlay compute: densities on one axis, their integrals, draws, and the best q.
// No element of a page in here. Sizes in nats; q is a pair mu, sigma; humps are [weight, mu, sigma].
const HALF_LOG_2PI = Math.log(2 * Math.PI) / 2;
const logGauss = (z, mu, sigma) => -(((z - mu) / sigma) ** 2) / 2 - Math.log(sigma) - HALF_LOG_2PI;
const gaussDensity = (z, mu, sigma) => Math.exp(logGauss(z, mu, sigma));
const klNormal = (mu, sigma, mu2, sigma2) => // KL(N(mu, sigma²) ‖ N(mu2, sigma2²)), the closed form
  Math.log(sigma2 / sigma) + ((sigma / sigma2) ** 2 + ((mu - mu2) / sigma2) ** 2 - 1) / 2;

// log Σ weight N(z; mu, sigma²), by the larger term, so that it does not underflow far out
function logMixture(z, humps) {
  const terms = humps.map(([weight, mu, sigma]) => Math.log(weight) + logGauss(z, mu, sigma));
  const most = Math.max(...terms);
  return most + Math.log(terms.reduce((sum, term) => sum + Math.exp(term - most), 0));
}

const STEP = 0.01; // for smooth humps wider than a few steps the trapezoid rule is exact to rounding
const gridTo = (end, half = Math.round(end / STEP)) =>
  Float64Array.from({ length: 2 * half + 1 }, (_, i) => (i - half) * STEP);
const trapezoid = values => STEP * (values.reduce((a, b) => a + b, 0) - (values[0] + values[values.length - 1]) / 2);

// Notebook 03's toy (vae_helpers/toy.py) at one x: z ~ N(0, 1), x | z ~ N(g(z), sigma²)
class ToyAt {
  static grid = gridTo(20);

  constructor(x, bend, sigma) {
    const { grid } = ToyAt;
    this.joined = z => logGauss(z, 0, 1) + logGauss(x, (1 - bend) * z + bend * z * z, sigma); // log p(x, z)
    this.likelihood = grid.map(z => logGauss(x, (1 - bend) * z + bend * z * z, sigma));
    this.joint = grid.map((z, i) => logGauss(z, 0, 1) + this.likelihood[i]);
    this.evidence = Math.log(trapezoid(this.joint.map(Math.exp)));
  }

  posterior(z) {
    return Math.exp(this.joined(z) - this.evidence);
  }

  // log p(x), ELBO and KL(q ‖ posterior), each by its own integral; and the ELBO's two terms
  split(mu, sigma) {
    const { grid } = ToyAt, { joint, likelihood, evidence } = this;
    let bound = 0, gap = 0, reconstruction = 0;
    for (let i = 0; i < grid.length; i++) {
      const logQ = logGauss(grid[i], mu, sigma), part = Math.exp(logQ) * (i % (grid.length - 1) ? STEP : STEP / 2);
      bound += part * (joint[i] - logQ);
      gap += part * (logQ - joint[i] + evidence);
      reconstruction += part * likelihood[i];
    }
    return { evidence, bound, gap, reconstruction, prior: klNormal(mu, sigma, 0, 1) };
  }

  best(limits) { // [mu, sigma] of the least gap
    return least((mu, sigma) => this.split(mu, sigma).gap, limits);
  }
}

// The parts of a split as numbers to show, so rounded that they add up: evidence = bound + gap,
// bound = reconstruction − prior
function shownParts({ evidence, bound, prior }, digits) {
  const [e, b, p] = [evidence, bound, prior].map(v => Number(v.toFixed(digits)));
  return { evidence: e, bound: b, gap: e - b, reconstruction: b + p, prior: p };
}

// A density p of one or more humps, and both of its divergences from any q
class Target {
  static grid = gridTo(40);

  constructor(humps) {
    this.humps = humps;
    this.logP = Target.grid.map(z => logMixture(z, humps));
    this.p = this.logP.map(Math.exp);
  }

  // KL(q ‖ p), KL(p ‖ q) by quadrature, and the spread of log q − log p under q, of log p − log q under p
  divergences(mu, sigma) {
    const { grid } = Target, { logP, p } = this;
    let qp = 0, pq = 0, qpSquare = 0, pqSquare = 0;
    for (let i = 0; i < grid.length; i++) {
      const logQ = logGauss(grid[i], mu, sigma), ratio = logQ - logP[i], q = STEP * Math.exp(logQ), there = STEP * p[i];
      qp += q * ratio;
      qpSquare += q * ratio ** 2;
      pq -= there * ratio;
      pqSquare += there * ratio ** 2;
    }
    const spread = (square, mean) => Math.sqrt(Math.max(0, square - mean ** 2));
    return { qp, pq, qpSpread: spread(qpSquare, qp), pqSpread: spread(pqSquare, pq) };
  }

  moments() { // mean and standard deviation: the Gaussian with the least KL(p ‖ q), exactly
    const mean = this.humps.reduce((sum, [weight, mu]) => sum + weight * mu, 0);
    const variance = this.humps.reduce((sum, [weight, mu, sigma]) => sum + weight * (sigma ** 2 + (mu - mean) ** 2), 0);
    return [mean, Math.sqrt(variance)];
  }

  seek(limits, from) { // the Gaussian with the least KL(q ‖ p); from a place, the valley there
    return least((mu, sigma) => this.divergences(mu, sigma).qp, limits, from);
  }
}

// where f(mu, sigma) is least within limits: downhill in mu and log sigma from a place, by default the best of a net
function least(f, { mu: [low, high], sigma: [narrow, wide] }, from) {
  const inside = ([mu, log]) => [Math.min(high, Math.max(low, mu)), Math.min(wide, Math.max(narrow, Math.exp(log)))];
  const cost = place => f(...inside(place));
  let start = from && [from[0], Math.log(from[1])];
  if (!start) {
    const net = Array.from({ length: 25 * 7 }, (_, i) => [low + (high - low) * (i % 25) / 24,
      Math.log(narrow) + Math.log(wide / narrow) * Math.floor(i / 25) / 6]).map(place => [cost(place), place]);
    start = net.reduce((a, b) => b[0] < a[0] ? b : a)[1];
  }
  return inside(downhill(cost, start));
}

// Nelder & Mead (1965) in the plane: a triangle that rolls downhill, and shrinks
function downhill(cost, [x, y], size = 0.1) {
  const at = place => ({ place, cost: cost(place) });
  let triangle = [[x, y], [x + size, y], [x, y + size]].map(at);
  for (let k = 0; k < 160; k++) {
    triangle.sort((a, b) => a.cost - b.cost);
    const [best, good, worst] = triangle, middle = best.place.map((v, i) => (v + good.place[i]) / 2);
    const along = t => at(middle.map((v, i) => v + t * (worst.place[i] - v)));
    const mirrored = along(-1);
    if (mirrored.cost < best.cost) {
      const farther = along(-2);
      triangle[2] = farther.cost < mirrored.cost ? farther : mirrored;
    } else if (mirrored.cost < good.cost) triangle[2] = mirrored;
    else {
      const nearer = along(mirrored.cost < worst.cost ? -0.5 : 0.5);
      if (nearer.cost < Math.min(worst.cost, mirrored.cost)) triangle[2] = nearer;
      else triangle = [best, ...[good, worst].map(({ place }) => at(place.map((v, i) => (v + best.place[i]) / 2)))];
    }
  }
  return triangle.reduce((a, b) => b.cost < a.cost ? b : a).place;
}

// Seeded draws: Mulberry32 for numbers in (0, 1), Box & Muller (1958) for N(0, 1)
class Dice {
  constructor(seed) {
    this.state = seed >>> 0;
  }

  uniform() {
    this.state = (this.state + 0x6d2b79f5) >>> 0;
    let t = this.state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return (((t ^ (t >>> 14)) >>> 0) + 0.5) / 2 ** 32;
  }

  normal() {
    return Math.sqrt(-2 * Math.log(this.uniform())) * Math.cos(2 * Math.PI * this.uniform());
  }

  from(humps) { // one draw of the mixture
    let left = this.uniform();
    const [, mu, sigma] = humps.find(([weight]) => (left -= weight) < 0) ?? humps.at(-1);
    return mu + sigma * this.normal();
  }
}

class Running { // mean and standard error of what was added (Welford 1962)
  n = 0;
  mean = 0;
  squares = 0;

  add(value) {
    const off = value - this.mean;
    this.mean += off / ++this.n;
    this.squares += off * (value - this.mean);
  }

  get error() { return this.n > 1 ? Math.sqrt(this.squares / (this.n - 1) / this.n) : NaN; }
}
