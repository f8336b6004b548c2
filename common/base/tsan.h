/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * ThreadSanitizer sees nothing of what GLib orders between threads, as GLib is not built with it.
 * Whoever hands something over through GLib says so; without the sanitizer these are nothing.
 */
#pragma once

#if defined(__SANITIZE_THREAD__)
#define ZG_HAS_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define ZG_HAS_TSAN 1
#endif
#endif

#ifdef ZG_HAS_TSAN
#include <sanitizer/tsan_interface.h>
#define ZG_TSAN_HANDS_OVER(object) __tsan_release(object)
#define ZG_TSAN_TAKES_OVER(object) __tsan_acquire(object)
#else
#define ZG_TSAN_HANDS_OVER(object) ((void)(object))
#define ZG_TSAN_TAKES_OVER(object) ((void)(object))
#endif
