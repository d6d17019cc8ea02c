// Some threads that work on one thing at a time and wait for each other by spinning: a convolution takes microseconds.
#pragma once
#include <atomic>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace native {

inline void pause() {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#endif
}

class Team {
public:
    explicit Team(int size) : size_(size), shares_(size) {
        for (int rank = 1; rank < size; ++rank) threads_.emplace_back([this, rank] { serve(rank); });
    }

    ~Team() {
        call(nullptr);
        for (auto& thread : threads_) thread.join();
    }

    Team(const Team&) = delete;
    Team& operator=(const Team&) = delete;

    int size() const { return size_; }

    // Calls work(rank) in every thread, rank 0 in this one, and returns when all are done.
    void run(const std::function<void(int)>& work) {
        call(&work);
        work(0);
        meet();
    }

    // Which piece of `rank`'s share of the work is the next that nobody has taken since the last meeting: 0, 1, 2, ...
    // Whoever is done with a share of its own helps with the others', for processors are not equally fast.
    int take(int rank) { return shares_[rank].taken.fetch_add(1, std::memory_order_relaxed); }

    // Returns when all threads of the team have got here.
    void meet() {
        const unsigned phase = phase_.load(std::memory_order_acquire);
        if (arrived_.fetch_add(1, std::memory_order_acq_rel) + 1 == size_) {
            arrived_.store(0, std::memory_order_relaxed);
            for (Share& share : shares_) share.taken.store(0, std::memory_order_relaxed);
            phase_.store(phase + 1, std::memory_order_release);
            return;
        }
        for (int spins = 0; phase_.load(std::memory_order_acquire) == phase; ++spins)
            // Whoever is missing may be waiting for this processor.
            spins < PATIENCE ? pause() : std::this_thread::yield();
    }

private:
    static constexpr int PATIENCE = 4000;

    struct alignas(64) Share {
        std::atomic<int> taken{0};
    };

    void call(const std::function<void(int)>* work) {
        {
            std::lock_guard<std::mutex> lock(mutex_);
            work_ = work;
            calls_.fetch_add(1, std::memory_order_release);
        }
        called_.notify_all();
    }

    void serve(int rank) {
        for (unsigned seen = 0;; ++seen) {
            for (int spins = 0; spins < PATIENCE && calls_.load(std::memory_order_acquire) == seen; ++spins) pause();
            {
                std::unique_lock<std::mutex> lock(mutex_);
                called_.wait(lock, [&] { return calls_.load(std::memory_order_relaxed) != seen; });
            }
            if (!work_) return;
            (*work_)(rank);
            meet();
        }
    }

    const int size_;
    std::vector<Share> shares_;
    const std::function<void(int)>* work_ = nullptr;
    std::mutex mutex_;
    std::condition_variable called_;
    alignas(64) std::atomic<unsigned> calls_{0};
    alignas(64) std::atomic<int> arrived_{0};
    alignas(64) std::atomic<unsigned> phase_{0};
    std::vector<std::thread> threads_;  // last: they use what is above
};

}  // namespace native
