package org.glasspose.sample;

import android.content.Context;
import android.content.res.AssetManager;
import java.io.ByteArrayOutputStream;
import java.io.File;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import org.glasspose.core.Answer;
import org.glasspose.core.FlipTest;
import org.glasspose.core.Heatmaps;
import org.glasspose.core.Network;
import org.glasspose.core.Picture;
import org.glasspose.core.Sidecar;
import org.glasspose.core.SidecarException;
import org.pytorch.executorch.EValue;
import org.pytorch.executorch.Module;
import org.pytorch.executorch.Tensor;

/** The exported file on ExecuTorch. It and its sidecar lie in the app; the file is checked before it is loaded. */
final class ExecuTorchNetwork implements Network, FlipTest.Maps {
    private static final String FILE = "pose.pte";
    private static final String FORM = "executorch";
    /** Places among the outputs: docs/export.md. */
    private static final int KEYPOINTS = 0;
    private static final int SCORES = 1;
    private static final int HEATMAPS = 2;
    private final Sidecar card;
    private final Module module;

    private ExecuTorchNetwork(Sidecar card, Module module) {
        this.card = card;
        this.module = module;
    }

    static Sidecar card(Context context) throws IOException, SidecarException {
        return Sidecar.parsed(contents(context.getAssets(), FILE + ".json"), FORM);
    }

    static ExecuTorchNetwork loaded(Context context, Sidecar card) throws IOException, SidecarException {
        byte[] contents = contents(context.getAssets(), FILE);
        card.check(contents);
        File file = new File(context.getNoBackupFilesDir(), FILE); // ExecuTorch loads from a path, not out of the package
        Files.write(file.toPath(), contents);
        try {
            ExecuTorchNetwork network = new ExecuTorchNetwork(card, Module.load(file.getAbsolutePath()));
            network.ask(new Picture(card.width(), card.height(), new byte[card.width() * card.height() * Picture.CHANNELS]));
            return network;
        } catch (RuntimeException problem) { // ExecuTorch's own failures, and answers that do not fit: said now, not in mid-camera
            throw new SidecarException("ExecuTorch cannot run this file: " + problem.getMessage(), "Export it with a version that fits the app's");
        }
    }

    @Override
    public Answer ask(Picture crop) {
        EValue[] told = run(crop);
        float[] places = floats(told, KEYPOINTS, 2 * card.keypoints().size());
        float[] heights = floats(told, SCORES, card.keypoints().size());
        double[][] keypoints = new double[heights.length][];
        double[] scores = new double[heights.length];
        for (int k = 0; k < scores.length; k++) {
            keypoints[k] = new double[] {places[2 * k], places[2 * k + 1]};
            scores[k] = heights[k];
        }
        return new Answer(keypoints, scores);
    }

    @Override
    public Heatmaps of(Picture crop) {
        int height = card.height() / Heatmaps.STRIDE, width = card.width() / Heatmaps.STRIDE, keypoints = card.keypoints().size();
        return new Heatmaps(keypoints, height, width, floats(run(crop), HEATMAPS, keypoints * height * width));
    }

    private EValue[] run(Picture crop) {
        Tensor input = card.normalisation().inside()
                ? Tensor.fromBlobUnsigned(crop.rgb(), new long[] {1, crop.height(), crop.width(), Picture.CHANNELS})
                : Tensor.fromBlob(card.normalisation().of(crop), new long[] {1, Picture.CHANNELS, crop.height(), crop.width()});
        return module.forward(EValue.from(input));
    }

    private static float[] floats(EValue[] told, int place, int count) {
        float[] found = told.length > place ? told[place].toTensor().getDataAsFloatArray() : new float[0];
        if (found.length != count) {
            throw new IllegalStateException("the network gives " + found.length + " numbers where its sidecar promises " + count);
        }
        return found;
    }

    private static byte[] contents(AssetManager assets, String name) throws IOException {
        try (InputStream stream = assets.open(name); ByteArrayOutputStream out = new ByteArrayOutputStream()) {
            byte[] part = new byte[1 << 16];
            for (int count = stream.read(part); count >= 0; count = stream.read(part)) {
                out.write(part, 0, count);
            }
            return out.toByteArray();
        }
    }
}
