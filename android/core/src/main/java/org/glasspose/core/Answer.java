package org.glasspose.core;

/** What a network says of one crop: keypoints [K][2] in input pixels, and scores [K], 0 to 1. */
public record Answer(double[][] keypoints, double[] scores) {}
