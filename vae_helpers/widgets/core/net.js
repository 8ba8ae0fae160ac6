// The forward pass of a small network, in plain JavaScript. `layers` is what
// core/pack.py wrote: kinds, sizes, and where the weights of each begin in `weights`.
// Everything runs in buffers made once, so that dragging leaves nothing to clean up.

const halves = (() => { // float16 → float32, by a table of all 65,536
  let table;
  return () => {
    if (table) return table;
    table = new Float32Array(65536);
    for (let bits = 0; bits < 65536; bits++) {
      const sign = bits & 0x8000 ? -1 : 1, exponent = (bits >> 10) & 31, fraction = bits & 1023;
      table[bits] = sign * (exponent === 0 ? fraction * 2 ** -24
        : exponent === 31 ? (fraction ? NaN : Infinity) : (1 + fraction / 1024) * 2 ** (exponent - 15));
    }
    return table;
  };
})();

// `bytes`: a DataView, as anywidget hands a Bytes trait over; little-endian
function unpackWeights(bytes, format) {
  const buffer = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength);
  if (format === "float32") return new Float32Array(buffer);
  const table = halves();
  return Float32Array.from(new Uint16Array(buffer), bits => table[bits]);
}

const ACTIVATIONS = {
  relu: () => v => v > 0 ? v : 0,
  leaky_relu: ({ slope }) => v => v > 0 ? v : slope * v,
  tanh: () => Math.tanh,
  sigmoid: () => v => 1 / (1 + Math.exp(-v)),
};

// Each weight carries whole rows between a fine picture and a coarse one, of one pixel for every
// `stride` of the fine one's: down in a convolution, up in a transposed one. Edges are cut off beforehand.
function convolve({ shape_in, shape_out, kernel, stride, padding, weight, bias }, w, up) {
  const [c_in, h_in, w_in] = shape_in, [c_out, h_out, w_out] = shape_out;
  const [coarse_h, coarse_w, fine_h, fine_w] = up ? [h_in, w_in, h_out, w_out] : [h_out, w_out, h_in, w_in];
  const [step_x, step_y] = up ? [1, stride] : [stride, 1];
  return (x, y) => {
    for (let o = 0; o < c_out; o++) {
      const to = o * h_out * w_out;
      y.fill(w[bias + o], to, to + h_out * w_out);
      for (let c = 0; c < c_in; c++)
        for (let i = 0; i < kernel; i++)
          for (let j = 0; j < kernel; j++) {
            const factor = w[weight + ((up ? c * c_out + o : o * c_in + c) * kernel + i) * kernel + j];
            const first = Math.max(0, Math.ceil((padding - j) / stride));
            const last = Math.min(coarse_w - 1, Math.floor((fine_w - 1 + padding - j) / stride));
            for (let row = 0; row < coarse_h; row++) {
              const fine_row = row * stride + i - padding;
              if (fine_row < 0 || fine_row >= fine_h) continue;
              const coarse = row * coarse_w + first, fine = fine_row * fine_w + first * stride + j - padding;
              let a = c * h_in * w_in + (up ? coarse : fine), b = to + (up ? fine : coarse);
              for (let n = last - first; n >= 0; n--, a += step_x, b += step_y) y[b] += factor * x[a];
            }
          }
    }
  };
}

// The transposed convolution that doubles a picture (kernel 4, stride 2, padding 1), for large pictures three times as
// fast: two coarse rows meet in a fine one, and their eight weights make each pair of its pixels in one go.
function double({ shape_in, shape_out, weight, bias }, w) {
  const [c_in, h_in, w_in] = shape_in, [c_out, h_out, w_out] = shape_out;
  return (x, y) => {
    for (let o = 0; o < c_out; o++) {
      y.fill(w[bias + o], o * h_out * w_out, (o + 1) * h_out * w_out);
      for (let c = 0; c < c_in; c++)
        for (let fine = 0; fine < h_out; fine++) {
          const i = (fine + 1) & 1, below = (fine + 1) >> 1, above = below - 1;
          const k = weight + (c * c_out + o) * 16 + 4 * i;
          const u = above < 0 ? 0 : 1, v = below === h_in ? 0 : 1; // no row beyond the edge
          const a0 = u * w[k + 8], a1 = u * w[k + 9], a2 = u * w[k + 10], a3 = u * w[k + 11];
          const b0 = v * w[k], b1 = v * w[k + 1], b2 = v * w[k + 2], b3 = v * w[k + 3];
          let a = (c * h_in + Math.max(above, 0)) * w_in, b = (c * h_in + Math.min(below, h_in - 1)) * w_in;
          let to = (o * h_out + fine) * w_out;
          let a_left = 0, a_here = x[a], b_left = 0, b_here = x[b];
          for (let n = 1; n <= w_in; n++, to += 2) {
            const a_right = n < w_in ? x[++a] : 0, b_right = n < w_in ? x[++b] : 0;
            y[to] += a1 * a_here + a3 * a_left + b1 * b_here + b3 * b_left;
            y[to + 1] += a2 * a_here + a0 * a_right + b2 * b_here + b0 * b_right;
            a_left = a_here, a_here = a_right, b_left = b_here, b_here = b_right;
          }
        }
    }
  };
}

const doubles = ({ kernel, stride, padding, shape_in, shape_out }) =>
  kernel === 4 && stride === 2 && padding === 1 && shape_out[1] === 2 * shape_in[1] && shape_out[2] === 2 * shape_in[2];

const LAYERS = {
  linear({ n_in, n_out, weight, bias }, w) {
    return (x, y) => {
      for (let o = 0, k = weight; o < n_out; o++) {
        let sum = w[bias + o];
        for (let i = 0; i < n_in; i++, k++) sum += w[k] * x[i];
        y[o] = sum;
      }
    };
  },

  // one number a channel: batch norm that stands behind no layer it could be folded into
  affine({ channels, size, weight, bias }, w) {
    return (x, y) => {
      for (let c = 0, k = 0; c < channels; c++)
        for (let i = 0; i < size; i++, k++) y[k] = w[weight + c] * x[k] + w[bias + c];
    };
  },

  conv: (layer, w) => convolve(layer, w, false), // weights (out, in, kernel, kernel)
  conv_transpose: (layer, w) => doubles(layer) ? double(layer, w) : convolve(layer, w, true), // (in, out, kernel, kernel)

  // nearest neighbour, or bilinear with aligned centres as torch has it by default
  upsample({ shape_in, shape_out, mode }) {
    const [channels, h_in, w_in] = shape_in, [, h_out, w_out] = shape_out;
    const source = (k, n_in, n_out) => {
      if (mode === "nearest") return [Math.floor(k * n_in / n_out), 0, 0];
      const at = Math.max(0, (k + 0.5) * n_in / n_out - 0.5), low = Math.floor(at);
      return [low, at - low, low < n_in - 1 ? 1 : 0];
    };
    return (x, y) => {
      let k = 0;
      for (let c = 0; c < channels; c++)
        for (let i = 0; i < h_out; i++) {
          const [row, down, next] = source(i, h_in, h_out);
          for (let j = 0; j < w_out; j++, k++) {
            const [column, right, beside] = source(j, w_in, w_out);
            const a = (c * h_in + row) * w_in + column, b = a + next * w_in;
            const upper = x[a] + (right && right * (x[a + beside] - x[a]));
            const lower = x[b] + (right && right * (x[b + beside] - x[b]));
            y[k] = upper + (down && down * (lower - upper));
          }
        }
    };
  },
};

// `run(x)` gives the last layer's output: a buffer that the next call overwrites.
class Net {
  constructor(layers, weights) {
    this.steps = layers.map(layer => {
      const y = new Float32Array(layer.length);
      if (layer.kind in ACTIVATIONS) {
        const f = ACTIVATIONS[layer.kind](layer);
        return [(x, y) => { for (let i = 0; i < y.length; i++) y[i] = f(x[i]); }, y];
      }
      if (!(layer.kind in LAYERS)) throw new Error(`no layer ${layer.kind} in the browser`);
      return [LAYERS[layer.kind](layer, weights), y];
    });
  }

  run(x) {
    for (const [step, y] of this.steps) {
      step(x, y);
      x = y;
    }
    return x;
  }
}
