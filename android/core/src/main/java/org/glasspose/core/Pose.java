package org.glasspose.core;

/** The one person of a picture: keypoints [K][2] in image pixels, scores [K], which are in the picture, and how sure it is that anybody is. */
public record Pose(double[][] keypoints, double[] scores, boolean[] seen, double personScore) {

    /** The same keypoints elsewhere: in a view, or mirrored. Names stay: a person's own left is left. */
    public Pose moved(Affine map) {
        return new Pose(map.moved(keypoints), scores, seen, personScore);
    }
}
