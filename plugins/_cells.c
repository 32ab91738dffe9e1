/* The time loops of sLSTM, LEM, coRNN and IndRNN, forward and backward, in single precision on one thread. `_loops.py`
   calls them.

   What the inputs give is multiplied out before a loop begins, and the gradients of the parameters are made after it, for
   all steps together: a loop does only what a step needs of the step before. */

#include "kernels.h"

typedef struct {
    size_t steps, rows, size; /* size: units, a multiple of 16 */
    const float *constants;   /* those of the equations, in the order that `_loops.py` gives */
    const float *u, *v;       /* recurrent parameters in panels of 16 columns, or a vector; NULL where there are none */
    float *states;            /* (steps + 1, rows, parts * size): the parts of a state lie one after another */
    float *gates;             /* (steps, rows, gates * size): what the inputs give, and then what backward needs */
    const float *upon;        /* gradients upon the states after each step, (steps, rows, parts * size) */
    float *before;            /* gradients upon what the inputs give, (steps, rows, inputs * size) */
    float *carried; /* gradients upon the state before a step, (rows, parts * size): zero at first, then upon the start */
} cells;

/* c += a W, where a has `depth` columns and W, in panels, as many rows. */
INLINE void add_product(const cells *l, const float *a, size_t a_row, size_t depth, const float *w, size_t columns,
                        float *c, size_t c_row) {
    product(1, l->rows, depth, columns, by_rows(a, a_row), w, COLUMNS, depth * COLUMNS, c, c_row);
}

/* The gradient upon the states after step t arrives. */
INLINE void arrive(const cells *l, size_t t, size_t parts) {
    const size_t step = l->rows * parts * l->size;
    add_to(l->carried, l->upon + t * step, step);
}

/* min(x, 0) - log(1 + e^-|x|), and the logarithm is twice the area tangent of s = e^-|x| / (2 + e^-|x|), at most 1/3. */
INLINE float log_sigmoid(float x) {
    float e = bounded_exponential(x < 0.0f ? x : -x), s = e / (2.0f + e), q = s * s;
    float tail = 1.0f / 7 + q * (1.0f / 9 + q * (1.0f / 11 + q * (1.0f / 13)));
    float series = 1.0f + q * (1.0f / 3 + q * (1.0f / 5 + q * tail));
    return (x < 0.0f ? x : 0.0f) - 2.0f * s * series;
}

/* States h, c, n, m; i~, f~, z~, o~ = W x + b + R h. m_t = max(log f + m, i~), i = exp(i~ - m_t), f = exp(log f + m - m_t),
   c_t = f c + i z, n_t = f n + i, h_t = o c_t / n_t. The stabiliser m changes no output and has no gradient. A fifth gate
   holds the derivative of log f. constants: 1 where log f = f~, 0 where it is log sigmoid(f~). */
EXPORT void slstm_forward(const cells *l) {
    const size_t size = l->size, state = 4 * size, row = 5 * size;
    const int exponential_forget = l->constants[0] != 0.0f;
    for (size_t t = 0; t < l->steps; t++) {
        const float *old = l->states + t * l->rows * state;
        float *new = l->states + (t + 1) * l->rows * state, *i = l->gates + t * l->rows * row;
        add_product(l, old, state, size, l->u, 4 * size, i, row);
        for (size_t r = 0; r < l->rows; r++, old += state, new += state, i += row) {
            float *f = i + size, *z = f + size, *o = z + size, *slope = o + size;
            const float *c = old + size, *n = c + size, *m = n + size;
            float *h_t = new, *c_t = h_t + size, *n_t = c_t + size, *m_t = n_t + size;
#pragma omp simd
            for (size_t j = 0; j < size; j++) {
                slope[j] = exponential_forget ? 1.0f : sigmoid(-f[j]);
                float kept = m[j] + (exponential_forget ? f[j] : log_sigmoid(f[j]));
                m_t[j] = kept > i[j] ? kept : i[j];
                i[j] = bounded_exponential(i[j] - m_t[j]), f[j] = bounded_exponential(kept - m_t[j]);
                z[j] = hyperbolic_tangent(z[j]), o[j] = sigmoid(o[j]);
                c_t[j] = f[j] * c[j] + i[j] * z[j];
                n_t[j] = f[j] * n[j] + i[j];
                h_t[j] = o[j] * c_t[j] / n_t[j];
            }
        }
    }
}

EXPORT void slstm_backward(const cells *l) {
    const size_t size = l->size, state = 4 * size, row = 5 * size;
    for (size_t t = l->steps; t-- > 0;) {
        arrive(l, t, 4);
        const float *old = l->states + t * l->rows * state, *new = old + l->rows * state;
        const float *i = l->gates + t * l->rows * row;
        float *dh = l->carried, *d = l->before + t * l->rows * 4 * size;
        for (size_t r = 0; r < l->rows; r++, old += state, new += state, i += row, dh += state, d += 4 * size) {
            const float *f = i + size, *z = f + size, *o = z + size, *slope = o + size;
            const float *c = old + size, *n = c + size, *c_t = new + size, *n_t = c_t + size;
            float *dc = dh + size, *dn = dc + size, *dm = dn + size;
#pragma omp simd
            for (size_t j = 0; j < size; j++) {
                float ratio = c_t[j] / n_t[j], share = dh[j] * o[j] / n_t[j];
                float cell = dc[j] + share, norm = dn[j] - share * ratio;
                d[j] = (cell * z[j] + norm) * i[j];
                d[size + j] = (cell * c[j] + norm * n[j]) * f[j] * slope[j];
                d[2 * size + j] = cell * i[j] * (1.0f - z[j] * z[j]);
                d[3 * size + j] = dh[j] * ratio * o[j] * (1.0f - o[j]);
                dc[j] = cell * f[j], dn[j] = norm * f[j], dh[j] = 0.0f, dm[j] = 0.0f;
            }
        }
        add_product(l, l->before + t * l->rows * 4 * size, 4 * size, 4 * size, l->u, size, l->carried, state);
    }
}

/* States y, z; a, b, c~, d~ = V x + b, to which U y is added for the first three. z_t = z + dt s(a) (tanh(c~) - z);
   y_t = y + dt s(b) (tanh(d~ + W z_t) - y), with s the sigmoid. constants: dt. v is W. */
EXPORT void lem_forward(const cells *l) {
    const size_t size = l->size, state = 2 * size, row = 4 * size;
    const float dt = l->constants[0];
    for (size_t t = 0; t < l->steps; t++) {
        const float *old = l->states + t * l->rows * state;
        float *new = l->states + (t + 1) * l->rows * state, *gates = l->gates + t * l->rows * row;
        add_product(l, old, state, size, l->u, 3 * size, gates, row);
        for (size_t r = 0; r < l->rows; r++) {
            float *a = gates + r * row, *c = a + 2 * size, *z_t = new + r * state + size;
            const float *z = old + r * state + size;
#pragma omp simd
            for (size_t j = 0; j < size; j++) {
                a[j] = sigmoid(a[j]), c[j] = hyperbolic_tangent(c[j]);
                z_t[j] = z[j] + dt * a[j] * (c[j] - z[j]);
            }
        }
        add_product(l, new + size, state, size, l->v, size, gates + 3 * size, row);
        for (size_t r = 0; r < l->rows; r++) {
            float *b = gates + r * row + size, *d = b + 2 * size, *y_t = new + r * state;
            const float *y = old + r * state;
#pragma omp simd
            for (size_t j = 0; j < size; j++) {
                b[j] = sigmoid(b[j]), d[j] = hyperbolic_tangent(d[j]);
                y_t[j] = y[j] + dt * b[j] * (d[j] - y[j]);
            }
        }
    }
}

EXPORT void lem_backward(const cells *l) {
    const size_t size = l->size, state = 2 * size, row = 4 * size;
    const float dt = l->constants[0];
    for (size_t t = l->steps; t-- > 0;) {
        arrive(l, t, 2);
        const float *old = l->states + t * l->rows * state, *gates = l->gates + t * l->rows * row;
        float *before = l->before + t * l->rows * row;
        for (size_t r = 0; r < l->rows; r++) {
            const float *b = gates + r * row + size, *d = b + 2 * size, *y = old + r * state;
            float *dy = l->carried + r * state, *upon_b = before + r * row + size, *upon_d = upon_b + 2 * size;
#pragma omp simd
            for (size_t j = 0; j < size; j++) {
                upon_b[j] = dy[j] * (d[j] - y[j]) * dt * b[j] * (1.0f - b[j]);
                upon_d[j] = dy[j] * dt * b[j] * (1.0f - d[j] * d[j]);
                dy[j] *= 1.0f - dt * b[j];
            }
        }
        add_product(l, before + 3 * size, row, size, l->v, size, l->carried + size, state);
        for (size_t r = 0; r < l->rows; r++) {
            const float *a = gates + r * row, *c = a + 2 * size, *z = old + r * state + size;
            float *dz = l->carried + r * state + size, *upon_a = before + r * row, *upon_c = upon_a + 2 * size;
#pragma omp simd
            for (size_t j = 0; j < size; j++) {
                upon_a[j] = dz[j] * (c[j] - z[j]) * dt * a[j] * (1.0f - a[j]);
                upon_c[j] = dz[j] * dt * a[j] * (1.0f - c[j] * c[j]);
                dz[j] *= 1.0f - dt * a[j];
            }
        }
        add_product(l, before, row, 3 * size, l->u, size, l->carried, state);
    }
}

/* States y, z; a = V x + b + W y + W' z, u being both. z_t = z + dt (tanh(a) - gamma y - epsilon z); y_t = y + dt z_t.
   constants: dt, gamma, epsilon. */
EXPORT void cornn_forward(const cells *l) {
    const size_t size = l->size, state = 2 * size;
    const float dt = l->constants[0], gamma = l->constants[1], epsilon = l->constants[2];
    for (size_t t = 0; t < l->steps; t++) {
        const float *y = l->states + t * l->rows * state;
        float *y_t = l->states + (t + 1) * l->rows * state, *a = l->gates + t * l->rows * size;
        add_product(l, y, state, state, l->u, size, a, size);
        for (size_t r = 0; r < l->rows; r++, y += state, y_t += state, a += size) {
            const float *z = y + size;
            float *z_t = y_t + size;
#pragma omp simd
            for (size_t j = 0; j < size; j++) {
                a[j] = hyperbolic_tangent(a[j]);
                z_t[j] = z[j] + dt * (a[j] - gamma * y[j] - epsilon * z[j]);
                y_t[j] = y[j] + dt * z_t[j];
            }
        }
    }
}

EXPORT void cornn_backward(const cells *l) {
    const size_t size = l->size, state = 2 * size;
    const float dt = l->constants[0], gamma = l->constants[1], epsilon = l->constants[2];
    for (size_t t = l->steps; t-- > 0;) {
        arrive(l, t, 2);
        const float *a = l->gates + t * l->rows * size;
        float *dy = l->carried, *d = l->before + t * l->rows * size;
        for (size_t r = 0; r < l->rows; r++, a += size, dy += state, d += size) {
            float *dz = dy + size;
#pragma omp simd
            for (size_t j = 0; j < size; j++) {
                float speed = dz[j] + dt * dy[j];
                d[j] = speed * dt * (1.0f - a[j] * a[j]);
                dy[j] -= dt * gamma * speed;
                dz[j] = speed * (1.0f - dt * epsilon);
            }
        }
        add_product(l, l->before + t * l->rows * size, size, size, l->u, state, l->carried, state);
    }
}

/* The state is h; h_t = f(W x + b + u h), each unit alone. constants: 1 where f is tanh, 0 where it is relu. */
EXPORT void indrnn_forward(const cells *l) {
    const size_t size = l->size, step = l->rows * size;
    const int tanh = l->constants[0] != 0.0f;
    for (size_t at = 0; at < l->steps * step; at += size) {
        const float *h = l->states + at, *a = l->gates + at;
        float *h_t = l->states + at + step;
#pragma omp simd
        for (size_t j = 0; j < size; j++) {
            float sum = a[j] + l->u[j] * h[j];
            h_t[j] = tanh ? hyperbolic_tangent(sum) : (sum <= 0.0f ? 0.0f : sum);
        }
    }
}

EXPORT void indrnn_backward(const cells *l) {
    const size_t size = l->size, step = l->rows * size;
    const int tanh = l->constants[0] != 0.0f;
    for (size_t t = l->steps; t-- > 0;) {
        arrive(l, t, 1);
        for (size_t at = 0; at < step; at += size) {
            const float *h_t = l->states + (t + 1) * step + at;
            float *dh = l->carried + at, *d = l->before + t * step + at;
#pragma omp simd
            for (size_t j = 0; j < size; j++) {
                d[j] = dh[j] * (tanh ? 1.0f - h_t[j] * h_t[j] : (h_t[j] > 0.0f ? 1.0f : 0.0f));
                dh[j] = d[j] * l->u[j];
            }
        }
    }
}
