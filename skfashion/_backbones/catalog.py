"""The table of backbones that ship. All that is particular to one backbone stands in its row."""

from .keras_applications import KerasApplication
from .recipe import Recipe
from .small_networks import small_cnn, small_resnet
from .spec import Backbone, OfficialWeights

_KERAS = "https://storage.googleapis.com/tensorflow/keras-applications"

# Rates are multiples of the optimizer's default, which is 0.001 for Adam.
_NORMALISED_FROM_SCRATCH = Recipe(schedule="cosine", warmup=0.05, clip_norm=1.0)
_NORMALISED_FINE_TUNING = Recipe(body_factor=0.3, schedule="cosine", warmup=0.05, clip_norm=1.0)
# A body without normalisation diverges at these rates.
_PLAIN_FROM_SCRATCH = Recipe(head_factor=0.1, schedule="cosine", warmup=0.1, clip_norm=1.0)
_PLAIN_FINE_TUNING = Recipe(body_factor=0.05, schedule="cosine", warmup=0.05, clip_norm=1.0)
# A probe fits few images so well that single images leave hardly a gradient, but their means do.
# Larger steps of the head leave its optimum before the body can follow. Batches of few images have
# other statistics than the features that the probe was fitted to.
_PLAIN_FEW_IMAGES = Recipe(head_factor=0.1, body_factor=1.0, mixup=1.0)
_NORMALISED_FEW_IMAGES = Recipe(head_factor=0.1, body_factor=3.0, mixup=1.0, batch_norm="inference")
_SMALL_FROM_SCRATCH = Recipe(
    head_factor=4.0,
    schedule="linear",
    warmup=0.2,
    weight_decay=0.05,
    label_smoothing=0.1,
    average=0.1,
)

BUILT_IN = (
    Backbone(
        "small_cnn",
        build=small_cnn,
        stages=("conv1", "conv2"),
        min_size=8,
        pooling="flatten",
    ),
    Backbone(
        "vgg16",
        build=KerasApplication("VGG16", "caffe"),
        stages=tuple(f"block{n}_pool" for n in range(1, 6)),
        min_size=32,
        channels=3,
        default_size=224,
        pretrained_size=64,
        pooling="normalized_average",
        default_freeze="block3_pool",
        official=OfficialWeights(
            f"{_KERAS}/vgg16/vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5",
            "6d6bbae143d832006294945121d1f1fc",
        ),
        from_scratch=_PLAIN_FROM_SCRATCH,
        fine_tuning=_PLAIN_FINE_TUNING,
        few_images=_PLAIN_FEW_IMAGES,
    ),
    Backbone(
        "resnet50",
        build=KerasApplication("ResNet50", "caffe"),
        stages=(
            "pool1_pool",
            "conv2_block3_out",
            "conv3_block4_out",
            "conv4_block6_out",
            "conv5_block3_out",
        ),
        min_size=32,
        channels=3,
        default_size=224,
        default_freeze="conv2_block3_out",
        official=OfficialWeights(
            f"{_KERAS}/resnet/resnet50_weights_tf_dim_ordering_tf_kernels_notop.h5",
            "4d473c1dd8becc155b73f8504c6f6626",
        ),
        from_scratch=_NORMALISED_FROM_SCRATCH,
        fine_tuning=_NORMALISED_FINE_TUNING,
        few_images=_NORMALISED_FEW_IMAGES,
    ),
    Backbone(
        "inception_v3",
        build=KerasApplication("InceptionV3", "tf"),
        stages=tuple(f"mixed{n}" for n in range(11)),
        min_size=75,
        channels=3,
        default_size=299,
        pretrained_size=96,
        default_freeze="mixed2",
        official=OfficialWeights(
            f"{_KERAS}/inception_v3/inception_v3_weights_tf_dim_ordering_tf_kernels_notop.h5",
            "bcbd6486424b2319ff4ef7d526e38f63",
        ),
        from_scratch=_NORMALISED_FROM_SCRATCH,
        fine_tuning=_NORMALISED_FINE_TUNING,
        few_images=_NORMALISED_FEW_IMAGES,
        few_images_freeze="mixed0",
    ),
    Backbone(
        "densenet121",
        build=KerasApplication("DenseNet121", "torch"),
        stages=("pool1", "pool2_pool", "pool3_pool", "pool4_pool", "relu"),
        min_size=32,
        channels=3,
        default_size=224,
        default_freeze="pool3_pool",
        official=OfficialWeights(
            f"{_KERAS}/densenet/densenet121_weights_tf_dim_ordering_tf_kernels_notop.h5",
            "30ee3e1110167f948a6b9946edeeb738",
        ),
        from_scratch=_NORMALISED_FROM_SCRATCH,
        fine_tuning=_NORMALISED_FINE_TUNING,
        few_images=_NORMALISED_FEW_IMAGES,
    ),
    Backbone(
        "efficientnet_b0",
        build=KerasApplication("EfficientNetB0", "inside"),
        stages=(
            "block1a_project_bn",
            "block2b_add",
            "block3b_add",
            "block4c_add",
            "block5c_add",
            "block6d_add",
            "top_activation",
        ),
        min_size=32,
        channels=3,
        default_size=224,
        default_freeze="block3b_add",
        official=OfficialWeights(
            "https://storage.googleapis.com/keras-applications/efficientnetb0_notop.h5",
            "50bc09e76180e00e4465e1a485ddc09d",
        ),
        from_scratch=_NORMALISED_FROM_SCRATCH,
        fine_tuning=_NORMALISED_FINE_TUNING,
        few_images=_NORMALISED_FEW_IMAGES,
    ),
    Backbone(
        "efficientnet_v2_b0",
        build=KerasApplication("EfficientNetV2B0", "inside"),
        stages=(
            "block1a_project_activation",
            "block2b_add",
            "block3b_add",
            "block4c_add",
            "block5e_add",
            "block6h_add",
            "top_activation",
        ),
        min_size=32,
        channels=3,
        default_size=224,
        default_freeze="block3b_add",
        official=OfficialWeights(
            f"{_KERAS}/efficientnet_v2/efficientnetv2-b0_notop.h5",
            "893217f2bb855e2983157299931e43ff",
        ),
        from_scratch=_NORMALISED_FROM_SCRATCH,
        fine_tuning=_NORMALISED_FINE_TUNING,
        few_images=_NORMALISED_FEW_IMAGES,
    ),
    Backbone(
        "mobilenet_v2",
        build=KerasApplication("MobileNetV2", "tf"),
        stages=(
            "block_2_add",
            "block_5_add",
            "block_9_add",
            "block_12_add",
            "block_13_expand_relu",
            "block_15_add",
            "out_relu",
        ),
        min_size=32,
        channels=3,
        default_size=224,
        pretrained_size=96,
        default_freeze="block_5_add",
        # Keras publishes no hash of these weights.
        official=OfficialWeights(
            f"{_KERAS}/mobilenet_v2/mobilenet_v2_weights_tf_dim_ordering_tf_kernels_1.0_224_no_top.h5",
            None,
        ),
        from_scratch=_NORMALISED_FROM_SCRATCH,
        fine_tuning=_NORMALISED_FINE_TUNING,
        few_images=_NORMALISED_FEW_IMAGES,
    ),
    Backbone(
        "convnext_tiny",
        build=KerasApplication("ConvNeXtTiny", "inside"),
        # Blocks end in additions that Keras numbers. It also numbers the last layer. Its counters
        # are fresh when a body is built, and no other layer of this kind precedes it.
        stages=(
            "convnext_tiny_stem",
            "convnext_tiny_downsampling_block_0",
            "convnext_tiny_downsampling_block_1",
            "convnext_tiny_downsampling_block_2",
            "layer_normalization",
        ),
        min_size=32,
        channels=3,
        default_size=224,
        default_freeze="convnext_tiny_downsampling_block_1",
        official=OfficialWeights(
            f"{_KERAS}/convnext/convnext_tiny_notop.h5",
            "d547c096cabd03329d7be5562c5e14798aa39ed24b474157cef5e85ab9e49ef1",
        ),
        from_scratch=_PLAIN_FROM_SCRATCH,
        fine_tuning=_PLAIN_FINE_TUNING,
    ),
    Backbone(
        "small_resnet",
        build=small_resnet,
        stages=("stem", "block1", "block2", "block3"),
        min_size=16,
        default_freeze="block1",
        from_scratch=_SMALL_FROM_SCRATCH,
        fine_tuning=_NORMALISED_FINE_TUNING,
        few_images=_NORMALISED_FEW_IMAGES,
        few_images_body_until=None,
        hidden_units=0,
    ),
)
