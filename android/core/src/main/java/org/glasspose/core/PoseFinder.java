package org.glasspose.core;

import java.util.Optional;

/** One person in two passes: the whole picture, then the box around what the first pass found. */
public final class PoseFinder {
    private final Sidecar card;
    private final Network network;

    public PoseFinder(Sidecar card, Network network) {
        this.card = card;
        this.network = network;
    }

    /** The person of an upright picture, or nobody. */
    public Optional<Pose> find(Picture picture) {
        Pose first = ask(picture, whole(picture));
        Pose told = ask(picture, second(picture, first));
        return told.personScore() >= card.calibration().person() ? Optional.of(told) : Optional.empty();
    }

    /** The pose inside a box that already has the input's aspect. */
    public Pose ask(Picture picture, Box box) {
        Affine map = Affine.crop(box, card.width(), card.height());
        Answer told = network.ask(Warp.warped(picture, map, card.width(), card.height(), card.padding()));
        double[][] keypoints = map.inverse().moved(told.keypoints());
        boolean[] seen = atLeast(picture, keypoints, told.scores(), 1);
        return new Pose(keypoints, told.scores(), seen, Calibration.personScore(told.scores(), card.framing().strongest()));
    }

    Box whole(Picture picture) {
        return Box.whole(picture.width(), picture.height()).fitted(card.width(), card.height(), 1);
    }

    /** The box of the second pass. A portrait is framed as if the body went on below it, the size at which the network knows people. */
    Box second(Picture picture, Pose first) {
        Sidecar.Framing rule = card.framing();
        boolean[] likely = atLeast(picture, first.keypoints(), first.scores(), rule.likely());
        boolean[] upper = likely.clone();
        int below = 0;
        for (int k : rule.lowerBody()) {
            upper[k] = false;
            below += first.seen()[k] ? 1 : 0;
        }
        boolean portrait = rule.lowerBody().length > 0 && below < rule.fewestBelow() && count(upper) >= rule.fewest();
        if (!portrait && count(likely) < rule.fewest()) {
            return whole(picture);
        }
        Box found = Box.around(first.keypoints(), portrait ? upper : likely);
        return found.fitted(card.width(), card.height(), portrait ? rule.portraitMargin() : rule.margin());
    }

    private boolean[] atLeast(Picture picture, double[][] keypoints, double[] scores, double share) {
        boolean[] found = new boolean[scores.length];
        for (int k = 0; k < found.length; k++) {
            boolean inside = Box.isInside(keypoints[k], picture.width(), picture.height());
            found[k] = inside && scores[k] >= share * card.calibration().seen()[k];
        }
        return found;
    }

    private static int count(boolean[] chosen) {
        int found = 0;
        for (boolean one : chosen) {
            found += one ? 1 : 0;
        }
        return found;
    }
}
