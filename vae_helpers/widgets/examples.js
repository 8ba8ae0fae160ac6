// Pictures that were sent as bytes (core/examples.py), and draws from N(0, 1).
const picturesIn = (bytes, size) => Array.from({ length: bytes.length / size },
  (_, i) => Float32Array.from(bytes.subarray(i * size, (i + 1) * size), v => v / 255));

const gaussian = () => // by Box and Muller; 1 − random() is never 0
  Math.sqrt(-2 * Math.log(1 - Math.random())) * Math.cos(2 * Math.PI * Math.random());
