/* Walks and exact attributions of flat trees. Compiled at first use; predictors/trees.py has the same in numpy. */
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
#define LANES 8  /* walks side by side: each waits for memory while the others step */
#define LEVELS 6 /* top levels of a tree laid out as a heap: 63 splits are half a kilobyte, and no step looks for its leaf */
#define SPLITS ((1 << LEVELS) - 1)

typedef struct {
    float threshold;
    int32_t column; /* where the feature's values begin in a block turned column-wise */
} split_t;

typedef struct {
    split_t split[SPLITS];
    uint8_t default_left[SPLITS];
    int32_t below[SPLITS + 1]; /* the nodes under the last level */
    int deeper;                /* whether one of them is not a leaf */
} top_t;

static inline int32_t child(const node_t *n, const float *x) {
    const float v = x[n->feature];
    const int right = v != v ? !n->default_left : !(v <= n->threshold);
    return n->left + right;
}

/* A leaf above the last level stands in all places under it. */
static void lay_out(top_t *top, const node_t *nodes, int32_t root) {
    int32_t at[2 * SPLITS + 1];
    at[0] = root;
    for (int i = 0; i < SPLITS; i++) {
        const node_t *n = nodes + at[i];
        const int inner = n->feature >= 0;
        top->split[i] = (split_t){n->threshold, inner ? n->feature * BLOCK : 0};
        top->default_left[i] = n->default_left;
        at[2 * i + 1] = inner ? n->left : at[i];
        at[2 * i + 2] = inner ? n->left + 1 : at[i];
    }
    top->deeper = 0;
    for (int i = 0; i <= SPLITS; i++) {
        top->below[i] = at[SPLITS + i];
        top->deeper |= nodes[top->below[i]].feature >= 0;
    }
}

/* `x` is a block turned column-wise, from the first lane's row on. */
static inline void step_down(const top_t *top, const float *x, int missing, int32_t at[LANES]) {
    for (int i = 0; i < LANES; i++) at[i] = 0;
    for (int level = 0; level < LEVELS; level++) {
        for (int i = 0; i < LANES; i++) {
            const split_t *s = top->split + at[i];
            const float v = x[s->column + i];
            int right = !(v <= s->threshold);
            if (missing) right = v != v ? !top->default_left[at[i]] : right;
            at[i] = 2 * at[i] + 1 + right;
        }
    }
    for (int i = 0; i < LANES; i++) at[i] = top->below[at[i] - SPLITS];
}

static void walk_on(const node_t *nodes, const float *x, int32_t at[LANES]) {
    int inner;
    do {
        inner = 0;
        for (int i = 0; i < LANES; i++) {
            const node_t *n = nodes + at[i];
            const int is_inner = n->feature >= 0;
            const float v = x[(is_inner ? n->feature * BLOCK : 0) + i];
            int right = !(v <= n->threshold);
            right = v != v ? !n->default_left : right;
            at[i] = is_inner ? n->left + right : at[i];
            inner |= is_inner;
        }
    } while (inner);
}

static inline void add_leaf(const node_t *n, const float *values, int32_t width, int32_t group, double *to) {
    const float *leaf = values + (int64_t)n->left * width;
    if (width == 1) to[group] += leaf[0];
    else for (int32_t k = 0; k < width; k++) to[k] += leaf[k];
}

static void few_rows(const node_t *nodes, const int32_t *roots, const int32_t *groups, int32_t trees, const float *values,
                     int32_t width, const float *x, int64_t rows, int32_t features, double *out, int32_t outputs) {
    for (int32_t t = 0; t < trees; t++) {
        for (int64_t r = 0; r < rows; r++) {
            const node_t *n = nodes + roots[t];
            while (n->feature >= 0) n = nodes + child(n, x + r * features);
            add_leaf(n, values, width, groups[t], out + r * outputs);
        }
    }
}

/* Turn up to BLOCK rows column-wise, zeros behind the last one; return whether a value is missing. */
static int turn(const float *x, int64_t rows, int32_t features, float *columns) {
    int missing = 0;
    for (int32_t f = 0; f < features; f++) {
        for (int64_t r = 0; r < BLOCK; r++) {
            const float v = r < rows ? x[r * features + f] : 0;
            missing |= v != v;
            columns[(int64_t)f * BLOCK + r] = v;
        }
    }
    return missing;
}

int32_t trees_sum(const node_t *nodes, const int32_t *roots, const int32_t *groups, int32_t trees, const float *values,
                  int32_t width, const float *x, int64_t rows, int32_t features, double *out, int32_t outputs) {
    if (rows < 2 * LANES) {
        few_rows(nodes, roots, groups, trees, values, width, x, rows, features, out, outputs);
        return 0;
    }
    float *columns = malloc(sizeof(float) * BLOCK * (size_t)(features > 0 ? features : 1));
    if (!columns) return 1;
    for (int64_t start = 0; start < rows; start += BLOCK) {
        const int64_t here = rows - start < BLOCK ? rows - start : BLOCK;
        const int missing = turn(x + start * features, here, features, columns);
        for (int32_t t = 0; t < trees; t++) {
            top_t top;
            lay_out(&top, nodes, roots[t]);
            for (int64_t r = 0; r < here; r += LANES) {
                int32_t at[LANES];
                if (missing) step_down(&top, columns + r, 1, at);
                else step_down(&top, columns + r, 0, at);
                if (top.deeper) walk_on(nodes, columns + r, at);
                for (int i = 0; i < LANES && r + i < here; i++)
                    add_leaf(nodes + at[i], values, width, groups[t], out + (start + r + i) * outputs);
            }
        }
    }
    free(columns);
    return 0;
}

/* Exact path-dependent Shapley values: Lundberg et al. 2018, "Consistent individualized feature attribution for tree
   ensembles", algorithm 2. The quotients of its recursion come from a table, and the steps of a path that the row does
   not take share one sum (Yang 2021, "Fast TreeSHAP: accelerating SHAP value computation for trees"). */
typedef struct {
    int32_t feature, taken;
    double share, weight; /* share: of the training weight that goes this way */
} step_t;

typedef struct {
    double up, up_inverse, down, down_inverse; /* (d + 1) / (i + 1) and (d - i) / (d + 1) at depth d, step i */
} quotient_t;

typedef struct {
    const node_t *nodes;
    const float *covers, *values, *x;
    int32_t width, output, side;
    const quotient_t *quotients; /* side x side */
    double *next, *total;        /* one number a step taken */
    double *phi;
} tree_t;

static void extend(const tree_t *t, step_t *path, int depth, double share, int taken, int32_t feature) {
    const quotient_t *q = t->quotients + depth * t->side;
    path[depth] = (step_t){feature, taken, share, depth == 0 ? 1.0 : 0.0};
    for (int i = depth - 1; i >= 0; i--) {
        if (taken) path[i + 1].weight += path[i].weight * q[i].up_inverse;
        path[i].weight *= share * q[i].down;
    }
}

static void unwind(const tree_t *t, step_t *path, int depth, int index) {
    const quotient_t *q = t->quotients + depth * t->side;
    const double share = path[index].share;
    double next = path[depth].weight;
    for (int i = depth - 1; i >= 0; i--) {
        if (path[index].taken) {
            const double kept = path[i].weight;
            path[i].weight = next * q[i].up;
            next = kept - path[i].weight * share * q[i].down;
        } else {
            path[i].weight *= q[i].down_inverse / share;
        }
    }
    for (int i = index; i < depth; i++) {
        path[i].feature = path[i + 1].feature;
        path[i].share = path[i + 1].share;
        path[i].taken = path[i + 1].taken;
    }
}

static void credit(const tree_t *t, const step_t *path, int depth, double value) {
    const quotient_t *q = t->quotients + depth * t->side;
    step_t taken[depth + 1];
    int count = 0;
    double not_taken = 0;
    for (int i = 0; i < depth; i++) not_taken += path[i].weight * q[i].down_inverse;
    for (int s = 1; s <= depth; s++) {
        if (!path[s].taken) {
            t->phi[path[s].feature] -= not_taken * value;
            continue;
        }
        taken[count] = path[s];
        t->next[count] = path[depth].weight;
        t->total[count++] = 0;
    }
    for (int i = depth - 1; i >= 0; i--) {
        for (int s = 0; s < count; s++) {
            const double weight = t->next[s] * q[i].up;
            t->total[s] += weight;
            t->next[s] = path[i].weight - weight * taken[s].share * q[i].down;
        }
    }
    for (int s = 0; s < count; s++) t->phi[taken[s].feature] += t->total[s] * (1 - taken[s].share) * value;
}

static void walk(const tree_t *t, int32_t at, step_t *parent, int depth, double share, int taken, int32_t feature) {
    step_t *path = parent + depth;
    for (int i = 0; i < depth; i++) path[i] = parent[i];
    extend(t, path, depth, share, taken, feature);
    const node_t *n = t->nodes + at;
    if (n->feature < 0) {
        credit(t, path, depth, t->values[(int64_t)n->left * t->width + t->output]);
        return;
    }
    const int32_t hot = child(n, t->x), cold = hot == n->left ? n->left + 1 : n->left;
    double share_before = 1;
    int taken_before = 1;
    for (int i = 1; i <= depth; i++) {
        if (path[i].feature == n->feature) {
            share_before = path[i].share;
            taken_before = path[i].taken;
            unwind(t, path, depth, i);
            depth--;
            break;
        }
    }
    const double cover = t->covers[at];
    walk(t, hot, path, depth + 1, share_before * t->covers[hot] / cover, taken_before, n->feature);
    walk(t, cold, path, depth + 1, share_before * t->covers[cold] / cover, 0, n->feature);
}

int32_t trees_shap(const node_t *nodes, const int32_t *roots, const int32_t *groups, int32_t trees, const float *values,
                   int32_t width, const float *covers, int32_t deepest, const float *x, int32_t output, double *phi) {
    const size_t side = (size_t)deepest + 2;
    step_t *paths = malloc(side * (side + 1) * sizeof(step_t));
    quotient_t *quotients = malloc(side * side * sizeof(quotient_t));
    double *scratch = malloc(2 * side * sizeof(double));
    const int complete = paths && quotients && scratch;
    if (complete) {
        for (size_t d = 0; d < side; d++) {
            for (size_t i = 0; i < d; i++) {
                const double up = (d + 1.0) / (i + 1.0), down = (double)(d - i) / (d + 1.0);
                quotients[d * side + i] = (quotient_t){up, 1 / up, down, 1 / down};
            }
        }
        for (int32_t t = 0; t < trees; t++) {
            if (width == 1 && groups[t] != output) continue;
            const tree_t tree = {nodes, covers, values, x, width, width == 1 ? 0 : output, (int32_t)side, quotients,
                                 scratch, scratch + side, phi};
            walk(&tree, roots[t], paths, 0, 1, 1, -1);
        }
    }
    free(paths);
    free(quotients);
    free(scratch);
    return !complete;
}
