// The C interface: a network as its caller describes it. Nothing is copied but these structures: all pointers into
// weights must stay valid, and their contents unchanged, until the executor is destroyed.
#pragma once
#include <cstddef>
#include <cstdint>

extern "C" {

// Square kernel of odd size, zero padding of kernel / 2, batch norm folded. Weights [outputs][inputs][kernel][kernel].
struct Convolution {
    const float* weight;
    const float* bias;
    int32_t inputs, outputs, kernel, stride, relu;
};

// Weights [outputs][inputs]; a null weight stands for a gate that is not there.
struct Linear {
    const float* weight;
    const float* bias;
    int32_t inputs, outputs;
};

enum Shortcut : int32_t { IDENTITY = 0, SUBSAMPLED = 1, PROJECTION = 2 };

// A classifier of features pooled to at most 4 x 4, [channels][4][4], by mix * max + (1 - mix) * mean; null weights: none.
// An image stops behind it where the log-odds of its most likely class are above the threshold.
struct Exit {
    Linear classifier;
    float mix, threshold;
};

// relu(shortcut(x) + scale * branch(x)). `before`: channels of zeros in front of a subsampled shortcut's own.
// `menu`: steps of the channel gate, 0 where it decides about single channels.
struct Block {
    const Convolution* units;
    int32_t unit_count, gated_unit, shortcut, before;
    Convolution projection;
    Linear layer_gate, channel_gate;
    int32_t menu;
    Exit exit;
};

// `max_pool`: a 3 x 3 max pool of stride 2 behind the stem.
struct Network {
    Convolution stem;
    int32_t max_pool, block_count;
    const Block* blocks;
    Linear classifier;
};

// Images [count][channels][height][width] with any strides, in floats.
struct Images {
    const float* data;
    int64_t image, channel, row, column;
    int32_t count;
};

// Written for every image, each contiguous: logits [count][classes], layer_scales [count][blocks] (0: skipped), and
// channel_scales [count][channels of all gated blocks one after the other] (0: closed), and which answer was given, exits
// counted from 0. Blocks behind an exit that was taken count as skipped. The last three may be null.
struct Results {
    float* logits;
    float* layer_scales;
    float* channel_scales;
    int32_t* answers;
};

// An executor for images of one size, or null and the reason in `error`.
void* native_create(const Network* network, int32_t height, int32_t width, int32_t threads, char* error,
                    size_t error_size);
// Calls on one executor must not overlap; different executors are independent of each other.
void native_run(void* executor, const Images* images, const Results* results);
void native_destroy(void* executor);
// What this processor offers: bit 0 AVX2 with FMA, bit 1 AVX-512 (F, VL, DQ, BW).
int32_t native_features();
}
