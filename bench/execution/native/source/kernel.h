// The convolution of one image, compiled for one instruction set.
//
// Vectors run along the positions of a channel's plane, not across channels: a single channel that is not kept is
// then a plane that is not computed and not read, whatever the width of the vectors. Rows of a plane are joined by a
// column of zeros, which is the padding on the right of one row and on the left of the next, so that a shift of the
// kernel is one offset for all positions.
#pragma once
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>

namespace native {

#if defined(__AVX512F__)
constexpr int LANES = 16, MAX_VECTORS = 6;
#elif defined(__AVX2__)
constexpr int LANES = 8, MAX_VECTORS = 3;
#else
constexpr int LANES = 4, MAX_VECTORS = 3;
#endif
constexpr int MAX_OUTPUTS = 4;
// Inputs whose products are summed before the sums are put down: more of them would leave the nearest caches before the
// next tile reads them again. Planes of few tiles are not read often enough for that to pay.
constexpr int MAX_INPUTS_1X1 = 256, MAX_INPUTS = 32, FEW_TILES = 4;
constexpr ptrdiff_t LINE = 16;  // floats of a cache line; a multiple of LANES

typedef float Vector __attribute__((vector_size(4 * LANES), may_alias));
typedef float UnalignedVector __attribute__((vector_size(4 * LANES), may_alias, aligned(4)));
typedef int32_t Mask __attribute__((vector_size(4 * LANES), may_alias));

// One convolution as its tiles see it. `input`, `output` and `mask` point to position 0 of channel 0; a mask is -1 at
// positions of the image and 0 between and behind its rows. Stored is
// [relu] (scale * (sum + bias) + [what is stored already]), and its sum over the positions of each tile is put down in
// `sums`: added up later, always in the same order, whichever thread computed which tile.
struct Convolving {
    const float* input;
    ptrdiff_t input_plane;
    const int* inputs;
    int input_count;
    const float* weight;
    ptrdiff_t weights_per_input, weights_per_output;
    const int* offsets;
    int taps;
    float* output;
    ptrdiff_t output_plane;
    const int32_t* mask;
    const float* bias;    // per output channel; null: none
    const float* scales;  // per output channel; null: `scale` for all
    float scale;
    bool add, relu;
    float* sums;  // [tile][output channel]; null: not wanted
    ptrdiff_t sums_per_tile;
};

template <int HALF, int... LANE>
inline Vector halves_swapped(Vector vector, std::integer_sequence<int, LANE...>) {
#ifdef __clang__
    return __builtin_shufflevector(vector, vector, (LANE ^ HALF)...);
#else
    return __builtin_shuffle(vector, Mask{(LANE ^ HALF)...});
#endif
}

template <int HALF = LANES / 2>
inline float total(Vector vector) {
    vector += halves_swapped<HALF>(vector, std::make_integer_sequence<int, LANES>());
    if constexpr (HALF > 1) return total<HALF / 2>(vector);
    return vector[0];
}

inline Vector load(const float* from) { return *reinterpret_cast<const UnalignedVector*>(from); }

inline float dot(const float* a, const float* b, int count) {
    Vector sums[2] = {};
    int index = 0;
    for (; index + 2 * LANES <= count; index += 2 * LANES)
        for (int part = 0; part < 2; ++part)
            sums[part] += load(a + index + part * LANES) * load(b + index + part * LANES);
    for (; index + LANES <= count; index += LANES) sums[0] += load(a + index) * load(b + index);
    float result = total(sums[0] + sums[1]);
    for (; index < count; ++index) result += a[index] * b[index];
    return result;
}

template <int VECTORS>
__attribute__((always_inline)) inline void store(const Convolving& conv, int output, int position,
                                                  float* total_of_output, const Vector (&sums)[VECTORS]) {
    float* target = conv.output + output * conv.output_plane + position;
    const float scale = conv.scales ? conv.scales[output] : conv.scale;
    const float shift = conv.bias ? conv.bias[output] * scale : 0.0f;
    Vector pooled = {};
#pragma GCC unroll 8
    for (int v = 0; v < VECTORS; ++v) {
        Vector* place = reinterpret_cast<Vector*>(target + v * LANES);
        Vector value = sums[v] * scale + shift;
        if (conv.add) value += *place;
        if (conv.relu) value = value < 0.0f ? Vector{} : value;
        // Not a product: what was computed between the rows may not even be a number.
        value = reinterpret_cast<Vector>(reinterpret_cast<Mask>(value) &
                                         *reinterpret_cast<const Mask*>(conv.mask + position + v * LANES));
        *place = value;
        pooled += value;
    }
    if (total_of_output) *total_of_output = total(pooled);
}

// VECTORS vectors of positions of OUTPUTS channels, all of them in registers. TAPS 0: as many as `conv` says. `totals`:
// this tile's row of `conv.sums`.
template <int VECTORS, int OUTPUTS, int TAPS>
void tile(const Convolving& conv, const int* outputs, int position, float* totals) {
    const int taps = TAPS ? TAPS : conv.taps;
    const float* weights[OUTPUTS];
    for (int o = 0; o < OUTPUTS; ++o) {
        weights[o] = conv.weight + outputs[o] * conv.weights_per_output;
        const float* target = conv.output + outputs[o] * conv.output_plane + position;
        for (int v = 0; v < VECTORS; ++v) __builtin_prefetch(target + v * LANES, 1);
    }
    Vector sums[OUTPUTS][VECTORS];
    for (auto& one : sums)
        for (Vector& sum : one) sum = Vector{};
    const int* const inputs = conv.inputs;
    const int count = conv.input_count;
    const ptrdiff_t plane_size = conv.input_plane, step = conv.weights_per_input;
    // The only tap of a kernel is known before its inputs are.
    const float* const input = conv.input + position + (TAPS == 1 ? conv.offsets[0] : 0);
    for (int i = 0; i < count; ++i) {
        const float* plane = input + inputs[i] * plane_size;
        const ptrdiff_t first = TAPS == 1 ? inputs[i] : inputs[i] * step;
        // The weights of the next tile: in wide networks they come from far away, in runs too short to be foreseen by
        // the processor. Behind the last tile there may be none, which does no harm.
        if (taps > 1 || i % LINE == 0)
            for (int o = 0; o < OUTPUTS; ++o)
                __builtin_prefetch(weights[o] + first + OUTPUTS * conv.weights_per_output);
        for (int tap = 0; tap < taps; ++tap) {
            const float* source = TAPS == 1 ? plane : plane + conv.offsets[tap];
            Vector x[VECTORS];
            for (int v = 0; v < VECTORS; ++v) x[v] = load(source + v * LANES);
            for (int o = 0; o < OUTPUTS; ++o) {
                const Vector weight = weights[o][first + tap] - Vector{};
                for (int v = 0; v < VECTORS; ++v) sums[o][v] += weight * x[v];
            }
        }
    }
#pragma GCC unroll 4
    for (int o = 0; o < OUTPUTS; ++o)
        store<VECTORS>(conv, outputs[o], position, totals ? totals + outputs[o] : nullptr, sums[o]);
}

using Tile = void (*)(const Convolving&, const int*, int, float*);

template <int VECTORS, int TAPS>
Tile tile_of(int outputs) {
    static_assert(MAX_OUTPUTS == 4, "one entry for each number of outputs");
    constexpr Tile tiles[] = {tile<VECTORS, 1, TAPS>, tile<VECTORS, 2, TAPS>, tile<VECTORS, 3, TAPS>,
                              tile<VECTORS, 4, TAPS>};
    return tiles[outputs - 1];
}

template <int TAPS, int VECTORS = MAX_VECTORS>
Tile tile_of(int vectors, int outputs) {
    if constexpr (VECTORS > 1)
        if (vectors < VECTORS) return tile_of<TAPS, VECTORS - 1>(vectors, outputs);
    return tile_of<VECTORS, TAPS>(outputs);
}

inline Tile tile_of(int taps, int vectors, int outputs) {
    if (taps == 1) return tile_of<1>(vectors, outputs);
    if (taps == 9) return tile_of<9>(vectors, outputs);
    return tile_of<0>(vectors, outputs);
}

inline int tiles_of(int vectors) { return (vectors + MAX_VECTORS - 1) / MAX_VECTORS; }

// How a convolution is cut: an item is a group of output channels at a tile of positions.
struct Items {
    const int* outputs;
    int output_count, vectors, tiles, groups;
    bool positions_first;

    Items(const Convolving& conv, const int* outputs, int output_count, int vectors, int threads)
        : outputs(outputs), output_count(output_count), vectors(vectors), tiles(tiles_of(vectors)),
          groups((output_count + MAX_OUTPUTS - 1) / MAX_OUTPUTS),
          // What is read again and again should be the smaller: the weights, or the tile of the input.
          positions_first(output_count * static_cast<ptrdiff_t>(conv.taps) < vectors * LANES) {
        // Few items: smaller ones are better than a thread that has one more than the others.
        if (tiles * groups % threads && tiles * groups < 8 * threads)
            groups = std::min((groups + threads - 1) / threads * threads, output_count);
    }

    int count() const { return tiles * groups; }

    void run(const Convolving& conv, int item) const {
        const int tile = positions_first ? item / groups : item % tiles;
        const int group = positions_first ? item % groups : item / tiles;
        const int first = vectors * tile / tiles, last = vectors * (tile + 1) / tiles;
        const int begin = output_count * group / groups, end = output_count * (group + 1) / groups;
        float* totals = conv.sums ? conv.sums + tile * conv.sums_per_tile : nullptr;
        tile_of(conv.taps, last - first, end - begin)(conv, outputs + begin, first * LANES, totals);
    }
};

// Some items of a convolution, over some inputs after the other: what they sum up to is added where the sums of those
// before were stored.
inline void convolve(const Convolving& conv, const Items& items, int begin, int end) {
    const int most = conv.taps == 1 ? MAX_INPUTS_1X1 : items.tiles > FEW_TILES ? MAX_INPUTS : conv.input_count;
    const int parts = conv.input_count > most ? (conv.input_count + most - 1) / most : 1;
    for (int part = 0; part < parts; ++part) {
        const int from = conv.input_count * part / parts, to = conv.input_count * (part + 1) / parts;
        const bool first = part == 0, last = part == parts - 1;
        Convolving some = conv;
        some.inputs += from;
        some.input_count = to - from;
        some.bias = first ? conv.bias : nullptr;
        some.add = conv.add || !first;
        some.relu = conv.relu && last;
        some.sums = last ? conv.sums : nullptr;
        for (int item = begin; item < end; ++item) items.run(some, item);
    }
}

}  // namespace native
