/* Walks and exact attributions of flat trees. Compiled at first use; predictors/trees.py has the same in numpy. */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>

typedef struct {
    float threshold;      /* go left when x <= threshold */
    int32_t left;         /* left child, the right one follows it; in a leaf: its row in `values` */
    int16_t feature;      /* -1: a leaf */
    uint8_t default_left; /* where a missing value goes */
    uint8_t unused;
} node_t;

#define BLOCK 256
#define LANES 8 /* walks side by side: each waits for memory while the others step */

static inline int32_t child(const node_t *n, const float *x) {
    const float v = x[n->feature];
    const int right = isnan(v) ? !n->default_left : !(v <= n->threshold);
    return n->left + right;
}

static inline void add_leaf(const node_t *n, const float *values, int32_t width, int32_t group, double *to) {
    const float *leaf = values + (int64_t)n->left * width;
    if (width == 1) to[group] += leaf[0];
    else for (int32_t k = 0; k < width; k++) to[k] += leaf[k];
}

static void walk_lanes(const node_t *nodes, int32_t root, const float *x, int32_t features, int32_t at[LANES]) {
    for (int i = 0; i < LANES; i++) at[i] = root;
    int inner;
    do {
        inner = 0;
        for (int i = 0; i < LANES; i++) {
            const node_t *n = nodes + at[i];
            const int is_inner = n->feature >= 0;
            const float v = x[(int64_t)i * features + (is_inner ? n->feature : 0)];
            int right = !(v <= n->threshold);
            right = v != v ? !n->default_left : right;
            at[i] = is_inner ? n->left + right : at[i];
            inner |= is_inner;
        }
    } while (inner);
}

void trees_sum(const node_t *nodes, const int32_t *roots, const int32_t *groups, int32_t trees, const float *values,
               int32_t width, const float *x, int64_t rows, int32_t features, double *out, int32_t outputs) {
    for (int64_t start = 0; start < rows; start += BLOCK) {
        const int64_t end = start + BLOCK < rows ? start + BLOCK : rows;
        for (int32_t t = 0; t < trees; t++) {
            int64_t r = start;
            int32_t at[LANES];
            for (; r + LANES <= end; r += LANES) {
                walk_lanes(nodes, roots[t], x + r * features, features, at);
                for (int i = 0; i < LANES; i++)
                    add_leaf(nodes + at[i], values, width, groups[t], out + (r + i) * outputs);
            }
            for (; r < end; r++) {
                const node_t *n = nodes + roots[t];
                while (n->feature >= 0) n = nodes + child(n, x + r * features);
                add_leaf(n, values, width, groups[t], out + r * outputs);
            }
        }
    }
}

/* Exact path-dependent Shapley values: Lundberg et al. 2018, "Consistent individualized feature attribution for tree
   ensembles", algorithm 2. */
typedef struct {
    int32_t feature;
    double zero, one, weight;
} step_t;

static void extend(step_t *path, int depth, double zero, double one, int32_t feature) {
    path[depth].feature = feature;
    path[depth].zero = zero;
    path[depth].one = one;
    path[depth].weight = depth == 0 ? 1.0 : 0.0;
    for (int i = depth - 1; i >= 0; i--) {
        path[i + 1].weight += one * path[i].weight * (i + 1) / (depth + 1);
        path[i].weight = zero * path[i].weight * (depth - i) / (depth + 1);
    }
}

static void unwind(step_t *path, int depth, int index) {
    const double one = path[index].one, zero = path[index].zero;
    double next = path[depth].weight;
    for (int i = depth - 1; i >= 0; i--) {
        if (one != 0) {
            const double kept = path[i].weight;
            path[i].weight = next * (depth + 1) / ((i + 1) * one);
            next = kept - path[i].weight * zero * (depth - i) / (depth + 1);
        } else {
            path[i].weight = path[i].weight * (depth + 1) / (zero * (depth - i));
        }
    }
    for (int i = index; i < depth; i++) {
        path[i].feature = path[i + 1].feature;
        path[i].zero = path[i + 1].zero;
        path[i].one = path[i + 1].one;
    }
}

static double unwound_sum(const step_t *path, int depth, int index) {
    const double one = path[index].one, zero = path[index].zero;
    double next = path[depth].weight, total = 0;
    for (int i = depth - 1; i >= 0; i--) {
        if (one != 0) {
            const double w = next * (depth + 1) / ((i + 1) * one);
            total += w;
            next = path[i].weight - w * zero * (depth - i) / (depth + 1);
        } else {
            total += path[i].weight * (depth + 1) / (zero * (depth - i));
        }
    }
    return total;
}

typedef struct {
    const node_t *nodes;
    const float *covers, *values, *x;
    int32_t width, output;
    double *phi;
} tree_t;

static void walk(const tree_t *t, int32_t at, step_t *parent, int depth, double zero, double one, int32_t feature) {
    step_t *path = parent + depth;
    for (int i = 0; i < depth; i++) path[i] = parent[i];
    extend(path, depth, zero, one, feature);
    const node_t *n = t->nodes + at;
    if (n->feature < 0) {
        const double value = t->values[(int64_t)n->left * t->width + t->output];
        for (int i = 1; i <= depth; i++)
            t->phi[path[i].feature] += unwound_sum(path, depth, i) * (path[i].one - path[i].zero) * value;
        return;
    }
    const int32_t hot = child(n, t->x), cold = hot == n->left ? n->left + 1 : n->left;
    double before_zero = 1, before_one = 1;
    for (int i = 1; i <= depth; i++) {
        if (path[i].feature == n->feature) {
            before_zero = path[i].zero;
            before_one = path[i].one;
            unwind(path, depth, i);
            depth--;
            break;
        }
    }
    const double cover = t->covers[at];
    walk(t, hot, path, depth + 1, before_zero * t->covers[hot] / cover, before_one, n->feature);
    walk(t, cold, path, depth + 1, before_zero * t->covers[cold] / cover, 0, n->feature);
}

int32_t trees_shap(const node_t *nodes, const int32_t *roots, const int32_t *groups, int32_t trees, const float *values,
                   int32_t width, const float *covers, int32_t deepest, const float *x, int32_t output, double *phi) {
    const size_t room = (size_t)(deepest + 2) * (deepest + 3);
    step_t *paths = malloc(room * sizeof(step_t));
    if (!paths) return 1;
    for (int32_t t = 0; t < trees; t++) {
        if (width == 1 && groups[t] != output) continue;
        const tree_t tree = {nodes, covers, values, x, width, width == 1 ? 0 : output, phi};
        walk(&tree, roots[t], paths, 0, 1, 1, -1);
    }
    free(paths);
    return 0;
}
