package org.glasspose.sample;

import android.Manifest;
import android.content.pm.PackageManager;
import android.os.Bundle;
import android.view.Gravity;
import android.widget.Button;
import android.widget.FrameLayout;
import android.widget.TextView;
import androidx.activity.result.ActivityResultLauncher;
import androidx.activity.result.contract.ActivityResultContracts;
import androidx.appcompat.app.AppCompatActivity;
import androidx.camera.core.AspectRatio;
import androidx.camera.core.CameraSelector;
import androidx.camera.core.ImageAnalysis;
import androidx.camera.core.Preview;
import androidx.camera.core.resolutionselector.AspectRatioStrategy;
import androidx.camera.core.resolutionselector.ResolutionSelector;
import androidx.camera.lifecycle.ProcessCameraProvider;
import androidx.camera.view.PreviewView;
import androidx.core.content.ContextCompat;
import com.google.common.util.concurrent.ListenableFuture;
import java.io.IOException;
import java.util.Optional;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import org.glasspose.core.FlipTest;
import org.glasspose.core.Network;
import org.glasspose.core.Pose;
import org.glasspose.core.PoseFinder;
import org.glasspose.core.Sidecar;
import org.glasspose.core.SidecarException;

/** The camera's picture with the pose over it. Asks for the camera, and for nothing else. */
public final class CameraActivity extends AppCompatActivity {
    /** Whether the mirrored crop is asked too, where the file does not do so itself: more exact, half as fast. */
    private static final boolean FLIP_TEST = false;

    private final ExecutorService analysis = Executors.newSingleThreadExecutor();
    private final ActivityResultLauncher<String> permission =
            registerForActivityResult(new ActivityResultContracts.RequestPermission(), this::answered);
    private PreviewView preview;
    private PoseView drawing;
    private TextView words;
    private Sidecar card;
    private Network network;
    private boolean front;

    @Override
    protected void onCreate(Bundle state) {
        super.onCreate(state);
        words = new TextView(this);
        try {
            card = ExecuTorchNetwork.card(this);
            ExecuTorchNetwork loaded = ExecuTorchNetwork.loaded(this, card);
            network = FLIP_TEST && card.mayFlip() ? new FlipTest(loaded, card) : loaded;
        } catch (SidecarException problem) {
            refuse(problem.getMessage() + ". " + problem.remedy());
            return;
        } catch (IOException problem) {
            refuse(String.valueOf(problem.getMessage()));
            return;
        }
        setContentView(layout());
        if (ContextCompat.checkSelfPermission(this, Manifest.permission.CAMERA) == PackageManager.PERMISSION_GRANTED) {
            open();
        } else {
            permission.launch(Manifest.permission.CAMERA);
        }
    }

    @Override
    protected void onDestroy() {
        super.onDestroy();
        analysis.shutdown();
    }

    private void refuse(String problem) {
        words.setText(problem);
        setContentView(words);
    }

    private void answered(boolean granted) {
        if (granted) {
            open();
        } else {
            words.setText(R.string.denied);
        }
    }

    private FrameLayout layout() {
        preview = new PreviewView(this);
        preview.setScaleType(PreviewView.ScaleType.FIT_CENTER); // as Affine.fitted places the drawing
        drawing = new PoseView(this, card.limbs());
        Button turn = new Button(this);
        turn.setText(R.string.turn);
        turn.setOnClickListener(view -> {
            front = !front;
            open();
        });
        FrameLayout all = new FrameLayout(this);
        all.addView(preview);
        all.addView(drawing);
        int wrap = FrameLayout.LayoutParams.WRAP_CONTENT;
        all.addView(words, new FrameLayout.LayoutParams(wrap, wrap, Gravity.TOP | Gravity.START));
        all.addView(turn, new FrameLayout.LayoutParams(wrap, wrap, Gravity.BOTTOM | Gravity.CENTER_HORIZONTAL));
        all.setFitsSystemWindows(true);
        return all;
    }

    private void open() {
        ListenableFuture<ProcessCameraProvider> provider = ProcessCameraProvider.getInstance(this);
        provider.addListener(() -> {
            try {
                bind(provider.get());
            } catch (ExecutionException | InterruptedException | IllegalArgumentException | IllegalStateException problem) {
                words.setText(R.string.no_camera);
            }
        }, ContextCompat.getMainExecutor(this));
    }

    /** Preview and analysis of one aspect, so that a frame covers what the preview shows. */
    private void bind(ProcessCameraProvider provider) {
        ResolutionSelector four = new ResolutionSelector.Builder()
                .setAspectRatioStrategy(new AspectRatioStrategy(AspectRatio.RATIO_4_3, AspectRatioStrategy.FALLBACK_RULE_AUTO))
                .build();
        Preview shown = new Preview.Builder().setResolutionSelector(four).build();
        shown.setSurfaceProvider(preview.getSurfaceProvider());
        ImageAnalysis read = new ImageAnalysis.Builder()
                .setResolutionSelector(four)
                .setBackpressureStrategy(ImageAnalysis.STRATEGY_KEEP_ONLY_LATEST)
                .setOutputImageFormat(ImageAnalysis.OUTPUT_IMAGE_FORMAT_YUV_420_888)
                .build();
        boolean mirrored = front;
        read.setAnalyzer(analysis, new FrameReader(new PoseFinder(card, network),
                (pose, width, height, took) -> runOnUiThread(() -> show(pose, width, height, took, mirrored))));
        provider.unbindAll();
        provider.bindToLifecycle(this, front ? CameraSelector.DEFAULT_FRONT_CAMERA : CameraSelector.DEFAULT_BACK_CAMERA, shown, read);
    }

    private void show(Optional<Pose> pose, int width, int height, long took, boolean mirrored) {
        drawing.show(pose, width, height, mirrored);
        if (pose.isEmpty()) {
            words.setText(R.string.nobody);
            return;
        }
        int seen = 0;
        for (boolean one : pose.get().seen()) {
            seen += one ? 1 : 0;
        }
        words.setText(getString(R.string.somebody, seen, card.keypoints().size(), took));
    }
}
