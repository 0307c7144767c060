"""The names of PyTorch that code for convolutional networks uses, and which of them cnet lacks.

The parity tests run PyTorch's own samples for each name; `docs/from-pytorch.md` lists the names.
"""

NAMES = {
    "operations": {
        "Elementwise": """add sub mul div true_divide floor_divide remainder fmod neg reciprocal pow
            square sqrt rsqrt exp expm1 log log1p log2 log10 abs sign round floor ceil trunc sin cos
            tan asin acos atan atan2 sinh cosh tanh sigmoid erf hypot clamp clamp_min clamp_max
            maximum minimum fmax fmin lerp addcmul addcdiv nan_to_num where exp2 logit logaddexp
            logaddexp2 copysign float_power frexp ldexp gcd lcm erfc erfinv sinc xlogy i0 lgamma
            digamma mvlgamma heaviside""",
        "Comparison": """eq ne lt le gt ge isnan isinf isfinite logical_and logical_or
            logical_not isposinf isneginf isreal""",
        "Reductions": """sum mean prod var std max min amax amin argmax argmin any all logsumexp
            norm linalg.norm linalg.vector_norm median count_nonzero cumsum cumprod
            cummax cummin trapezoid cumulative_trapezoid histc histogram cov
            corrcoef""",
        "Sorting": "sort argsort topk kthvalue unique",
        "Products": """matmul mm bmm mv dot outer addmm baddbmm einsum tensordot cdist""",
        "Matrices": """linalg.cholesky linalg.cond linalg.det linalg.eigvalsh
            linalg.inv linalg.lstsq linalg.matrix_norm
            linalg.matrix_power linalg.matrix_rank linalg.multi_dot linalg.qr
            linalg.slogdet linalg.solve linalg.solve_triangular linalg.svdvals linalg.tensorinv
            linalg.tensorsolve linalg.vander linalg.vecdot cholesky logdet matrix_exp""",
        "Shape": """reshape view flatten unflatten squeeze unsqueeze permute transpose t movedim
            swapaxes expand expand_as broadcast_to repeat repeat_interleave tile flip roll rot90
            contiguous""",
        "Joining and splitting": """cat stack hstack vstack chunk split unbind""",
        "Indexing": """__getitem__ narrow select diagonal diag tril triu gather scatter scatter_add
            index_select index_add masked_fill masked_select masked_scatter take take_along_dim
            nonzero meshgrid""",
        "Creation": """arange linspace eye zeros_like ones_like empty_like full_like rand_like
            randn_like""",
        "Conversion": """item clone detach float double half bfloat16 int long bool type_as""",
    },
    "nn.functional": {
        "Convolutions": """conv1d conv2d conv3d conv_transpose1d conv_transpose2d conv_transpose3d
            unfold fold""",
        "Pooling": """max_pool1d max_pool2d max_pool3d avg_pool1d avg_pool2d avg_pool3d
            adaptive_avg_pool1d adaptive_avg_pool2d adaptive_max_pool1d adaptive_max_pool2d
            max_unpool2d lp_pool2d fractional_max_pool2d""",
        "Activations": """relu relu6 leaky_relu prelu rrelu elu celu selu gelu silu mish glu
            hardswish hardsigmoid hardtanh hardshrink softshrink tanhshrink threshold softplus
            softsign logsigmoid softmax softmin log_softmax gumbel_softmax""",
        "Normalisation": """batch_norm layer_norm group_norm instance_norm rms_norm
            local_response_norm normalize""",
        "Dropout": "dropout dropout2d alpha_dropout feature_alpha_dropout",
        "Linear, embedding, attention": """linear bilinear embedding one_hot
            scaled_dot_product_attention multi_head_attention_forward""",
        "Images": """interpolate upsample_nearest upsample_bilinear grid_sample pad pixel_shuffle
            pixel_unshuffle channel_shuffle""",
        "Losses and distances": """cross_entropy nll_loss mse_loss l1_loss smooth_l1_loss huber_loss
            binary_cross_entropy binary_cross_entropy_with_logits kl_div poisson_nll_loss
            gaussian_nll_loss ctc_loss hinge_embedding_loss margin_ranking_loss
            cosine_embedding_loss triplet_margin_loss triplet_margin_with_distance_loss
            multi_margin_loss multilabel_margin_loss multilabel_soft_margin_loss soft_margin_loss
            cosine_similarity pairwise_distance""",
    },
    "nn": {
        "Containers": """Sequential ModuleList ModuleDict ParameterList ParameterDict Identity
            Flatten Unflatten""",
        "Convolutions": """Conv1d Conv2d Conv3d ConvTranspose1d ConvTranspose2d ConvTranspose3d
            Unfold Fold LazyConv1d LazyConv2d LazyConv3d LazyConvTranspose1d LazyConvTranspose2d
            LazyConvTranspose3d""",
        "Pooling": """MaxPool1d MaxPool2d MaxPool3d AvgPool1d AvgPool2d AvgPool3d AdaptiveAvgPool1d
            AdaptiveAvgPool2d AdaptiveAvgPool3d AdaptiveMaxPool1d AdaptiveMaxPool2d
            AdaptiveMaxPool3d MaxUnpool2d LPPool1d LPPool2d LPPool3d FractionalMaxPool2d
            FractionalMaxPool3d""",
        "Activations": """ReLU ReLU6 LeakyReLU PReLU RReLU ELU CELU SELU GELU SiLU Mish GLU
            Hardswish Hardsigmoid Hardtanh Hardshrink Softshrink Tanhshrink Threshold Softplus
            Softsign LogSigmoid Sigmoid Tanh Softmax Softmax2d Softmin LogSoftmax""",
        "Normalisation": """BatchNorm1d BatchNorm2d BatchNorm3d LayerNorm GroupNorm InstanceNorm1d
            InstanceNorm2d InstanceNorm3d RMSNorm LocalResponseNorm LazyBatchNorm2d""",
        "Dropout": "Dropout Dropout1d Dropout2d Dropout3d AlphaDropout FeatureAlphaDropout",
        "Linear, embedding, attention": """Linear Bilinear LazyLinear Embedding
            MultiheadAttention""",
        "Images": """Upsample UpsamplingNearest2d UpsamplingBilinear2d PixelShuffle PixelUnshuffle
            ChannelShuffle ZeroPad1d ZeroPad2d ZeroPad3d ConstantPad1d ConstantPad2d ConstantPad3d
            ReflectionPad1d ReflectionPad2d ReflectionPad3d ReplicationPad1d ReplicationPad2d
            ReplicationPad3d CircularPad1d CircularPad2d CircularPad3d""",
        "Losses and distances": """CrossEntropyLoss NLLLoss MSELoss L1Loss SmoothL1Loss HuberLoss
            BCELoss BCEWithLogitsLoss KLDivLoss PoissonNLLLoss GaussianNLLLoss CTCLoss
            HingeEmbeddingLoss MarginRankingLoss CosineEmbeddingLoss TripletMarginLoss
            TripletMarginWithDistanceLoss MultiMarginLoss MultiLabelMarginLoss
            MultiLabelSoftMarginLoss SoftMarginLoss CosineSimilarity PairwiseDistance""",
        "Recurrent": "RNN LSTM GRU",
    },
    "optim": {
        "Optimizers": """SGD Adam AdamW RMSprop Adagrad NAdam RAdam Adadelta Adamax LBFGS Rprop
            ASGD Muon Adafactor SparseAdam""",
    },
    "optim.lr_scheduler": {
        "Schedulers": """StepLR MultiStepLR ConstantLR LinearLR ExponentialLR CosineAnnealingLR
            CosineAnnealingWarmRestarts CyclicLR OneCycleLR PolynomialLR LambdaLR MultiplicativeLR
            SequentialLR ChainedScheduler ReduceLROnPlateau""",
    },
    "nn.init": {
        "Initialisers": """uniform_ normal_ trunc_normal_ constant_ ones_ zeros_ eye_ dirac_
            xavier_uniform_ xavier_normal_ kaiming_uniform_ kaiming_normal_ orthogonal_ sparse_
            calculate_gain""",
    },
}

MISSING = {
    "bfloat16": "NumPy has no bfloat16",
    "SparseAdam": "there are no sparse gradients",
}
"""Names that cnet lacks, with the reason."""

RANDOM = """nn.functional.dropout nn.functional.dropout2d nn.functional.alpha_dropout
    nn.functional.feature_alpha_dropout nn.functional.rrelu nn.functional.gumbel_softmax
    nn.functional.fractional_max_pool2d nn.functional.multi_head_attention_forward
    nn.functional.scaled_dot_product_attention empty_like rand_like randn_like
    Dropout Dropout1d Dropout2d Dropout3d AlphaDropout FeatureAlphaDropout RReLU
    FractionalMaxPool2d FractionalMaxPool3d"""
"""Names whose results cannot be compared with those of PyTorch."""

ACCEPTED = frozenset({"clamp_min", "clamp_max"})
"""Operations with error inputs that PyTorch itself accepts."""


def names(part: str) -> list[str]:
    """The names of a part of PyTorch, as `op_db` spells those of operations."""
    return [name for names in NAMES[part].values() for name in names.split()]


def present(part: str, functional: bool = True) -> list[str]:
    """The names of a part that cnet has.

    Those of "operations" include the functions of `nn.functional`, unless `functional` is false.
    """
    found = [name for name in names(part) if name not in MISSING]
    if part == "operations" and functional:
        found += [f"nn.functional.{name}" for name in present("nn.functional")]
    return found
