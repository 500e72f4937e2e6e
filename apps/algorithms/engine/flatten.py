"""Fitted ensembles to flat arrays; every comparison becomes `x <= threshold` in float32 without moving a row."""

import json
from typing import Any

import numpy as np
import numpy.typing as npt

from apps.algorithms.predictors.trees import NODE, FlatTrees

_DOWN = np.float32(-np.inf)


class _Builder:
    """Collect trees one after another, children beside each other."""

    def __init__(self, outputs: int) -> None:
        self.outputs = outputs
        self.nodes: list[npt.NDArray[np.void]] = []
        self.values: list[npt.NDArray[np.float32]] = []
        self.covers: list[npt.NDArray[np.float32]] = []
        self.roots: list[int] = []
        self.groups: list[int] = []
        self.node_count = self.leaf_count = self.deepest = 0

    def add(
        self,
        *,
        left: Any,
        right: Any,
        feature: Any,
        threshold: Any,
        default_left: Any,
        cover: Any,
        value: Any,
        group: int = 0,
    ) -> None:
        """Add one tree; a node whose `left` is negative is a leaf, `value` has a row a node."""
        order, depth = _children_beside(left, right)
        place = np.empty(len(order), dtype=np.int32)
        place[order] = np.arange(len(order), dtype=np.int32)
        inner = left[order] >= 0
        nodes = np.zeros(len(order), dtype=NODE)
        nodes["feature"] = np.where(inner, feature[order], -1)
        nodes["threshold"] = np.where(inner, threshold[order], 0)
        nodes["default_left"] = default_left[order]
        nodes["left"][inner] = place[left[order][inner]] + self.node_count
        nodes["left"][~inner] = np.arange((~inner).sum()) + self.leaf_count
        self.roots.append(self.node_count)
        self.groups.append(group)
        self.nodes.append(nodes)
        self.covers.append(np.asarray(cover, dtype=np.float32)[order])
        self.values.append(np.asarray(value, dtype=np.float32)[order][~inner])
        self.node_count += len(order)
        self.leaf_count += int((~inner).sum())
        self.deepest = max(self.deepest, depth)

    def trees(self) -> FlatTrees:
        """Return all of them."""
        return FlatTrees(
            nodes=np.concatenate(self.nodes),
            roots=np.array(self.roots, dtype=np.int32),
            groups=np.array(self.groups, dtype=np.int32),
            values=np.ascontiguousarray(np.concatenate(self.values)),
            covers=np.concatenate(self.covers),
            outputs=self.outputs,
            deepest=self.deepest,
        )


def _children_beside(left: Any, right: Any) -> tuple[npt.NDArray[np.int64], int]:
    """Return the old numbers in breadth-first order, siblings beside each other, and the depth."""
    order, level, depth = [np.zeros(1, dtype=np.int64)], np.zeros(1, dtype=np.int64), 0
    while len(inner := level[left[level] >= 0]):
        level = np.column_stack([left[inner], right[inner]]).ravel().astype(np.int64)
        order.append(level)
        depth += 1
    return np.concatenate(order), depth


def _float32_at_most(threshold: npt.NDArray[np.float64]) -> npt.NDArray[np.float32]:
    """Return the largest float32 that is not above each threshold: `x <= t` then holds for the same float32 x."""
    near = threshold.astype(np.float32)
    return np.where(near.astype(np.float64) > threshold, np.nextafter(near, _DOWN), near).astype(np.float32)


def flat_forest(forest: Any, *, classes: int) -> FlatTrees:
    """Flatten a scikit-learn forest: class probabilities (the second's alone of two), or values when `classes` is 0."""
    builder = _Builder(outputs=classes if classes > 2 else 1)
    for estimator in forest.estimators_:
        tree = estimator.tree_
        value = tree.value[:, 0, :]
        if classes:
            value = value / value.sum(axis=1, keepdims=True)
            value = value[:, 1:] if classes == 2 else value
        builder.add(
            left=tree.children_left,
            right=tree.children_right,
            feature=tree.feature,
            threshold=_float32_at_most(tree.threshold),
            default_left=tree.missing_go_to_left,
            cover=tree.weighted_n_node_samples,
            value=value,
        )
    return builder.trees()


def flat_isolation(forest: Any, path_length: Any) -> FlatTrees:
    """Flatten a scikit-learn isolation forest: each leaf holds its depth plus the expected rest (`path_length`)."""
    builder = _Builder(outputs=1)
    for estimator, features in zip(forest.estimators_, forest.estimators_features_, strict=True):
        tree = estimator.tree_
        depth = np.zeros(tree.node_count)
        for node in range(tree.node_count):  # children come after their parent
            if tree.children_left[node] >= 0:
                depth[[tree.children_left[node], tree.children_right[node]]] = depth[node] + 1
        builder.add(
            left=tree.children_left,
            right=tree.children_right,
            feature=np.where(tree.feature >= 0, np.asarray(features)[np.maximum(tree.feature, 0)], -1),
            threshold=_float32_at_most(tree.threshold),
            default_left=tree.missing_go_to_left,
            cover=tree.n_node_samples,
            value=(depth + path_length(tree.n_node_samples))[:, None],
        )
    return builder.trees()


def flat_boosting(booster: Any, *, outputs: int) -> FlatTrees:
    """Flatten an XGBoost booster from its JSON form; leaf values are in `split_conditions`, `x < t` goes left."""
    model = json.loads(bytes(booster.save_raw("json")))["learner"]["gradient_booster"]["model"]
    builder = _Builder(outputs=outputs)
    for tree, group in zip(model["trees"], model["tree_info"], strict=True):
        left = np.array(tree["left_children"], dtype=np.int64)
        condition = np.array(tree["split_conditions"], dtype=np.float32)
        builder.add(
            left=left,
            right=np.array(tree["right_children"], dtype=np.int64),
            feature=np.array(tree["split_indices"], dtype=np.int64),
            threshold=np.nextafter(condition, _DOWN),
            default_left=np.array(tree["default_left"], dtype=np.uint8),
            cover=np.array(tree["sum_hessian"], dtype=np.float32),
            value=condition[:, None],
            group=group,
        )
    return builder.trees()


def flat_histogram_boosting(model: Any) -> FlatTrees:
    """Flatten scikit-learn's histogram gradient boosting; a tree a class in each round."""
    builder = _Builder(outputs=model.n_trees_per_iteration_)
    for trees in model._predictors:  # noqa: SLF001  (the library shows its trees nowhere else)
        for group, tree in enumerate(trees):
            nodes = tree.nodes
            inner = nodes["is_leaf"] == 0
            builder.add(
                left=np.where(inner, nodes["left"].astype(np.int64), -1),
                right=nodes["right"].astype(np.int64),
                feature=nodes["feature_idx"],
                threshold=_float32_at_most(nodes["num_threshold"]),
                default_left=nodes["missing_go_to_left"],
                cover=nodes["count"],
                value=nodes["value"][:, None],
                group=group,
            )
    return builder.trees()
