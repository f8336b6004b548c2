/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "hostd/qcow2_header.h"

#include "common/base/error.h"

#define MAGIC 0x514649fbu /* "QFI\xfb" */
#define V2_HEADER_BYTES 72
#define EXTENSION_END 0u
#define EXTENSION_DATA_FILE 0x44415441u
#define INCOMPATIBLE_DIRTY 1u
#define INCOMPATIBLE_CORRUPT 2u
#define INCOMPATIBLE_DATA_FILE 4u
#define INCOMPATIBLE_KNOWN 0x1fu /* and: compression type, extended L2 entries */

static uint32_t
u32_at(const uint8_t *bytes, size_t at)
{
    return (uint32_t)bytes[at] << 24 | (uint32_t)bytes[at + 1] << 16 |
           (uint32_t)bytes[at + 2] << 8 | bytes[at + 3];
}

static uint64_t
u64_at(const uint8_t *bytes, size_t at)
{
    return (uint64_t)u32_at(bytes, at) << 32 | u32_at(bytes, at + 4);
}

static bool
refuse(GError **error, const char *why)
{
    g_set_error(error, ZG_ERROR, ZG_ERROR_INVALID, "the image cannot be used: %s", why);
    return false;
}

static bool
check_features(uint64_t features, GError **error)
{
    if ((features & INCOMPATIBLE_DATA_FILE) != 0) {
        return refuse(error, "its data is in another file");
    }
    if ((features & (INCOMPATIBLE_DIRTY | INCOMPATIBLE_CORRUPT)) != 0) {
        return refuse(error, "it is marked as damaged or was not closed; repair it first "
                             "(qemu-img check -r all)");
    }
    if ((features & ~(uint64_t)INCOMPATIBLE_KNOWN) != 0) {
        return refuse(error, "it needs features this version does not know");
    }
    return true;
}

static bool
check_extensions(const uint8_t *bytes, size_t n_bytes, size_t at, GError **error)
{
    while (at + 8 <= n_bytes) {
        uint32_t type = u32_at(bytes, at);
        uint32_t length = u32_at(bytes, at + 4);

        if (type == EXTENSION_END) {
            return true;
        }
        if (type == EXTENSION_DATA_FILE) {
            return refuse(error, "it names another data file");
        }
        if (length > n_bytes - at - 8) {
            break;
        }
        at += 8 + ((size_t)length + 7) / 8 * 8;
    }
    return refuse(error, "its header is cut off");
}

bool
zg_qcow2_check_head(const uint8_t *bytes, size_t n_bytes, int64_t *out_virtual_mib, GError **error)
{
    uint32_t version;
    uint64_t size;
    uint32_t header_bytes = V2_HEADER_BYTES;

    if (n_bytes < 4 || u32_at(bytes, 0) != MAGIC) {
        return refuse(error, "it is not a qcow2 file");
    }
    if (n_bytes < 104) {
        return refuse(error, "its header is cut off");
    }
    version = u32_at(bytes, 4);
    size = u64_at(bytes, 24);
    if (version != 2 && version != 3) {
        return refuse(error, "its qcow2 version is neither 2 nor 3");
    }
    if (u64_at(bytes, 8) != 0) {
        return refuse(error, "it has a backing file; flatten it first (qemu-img convert)");
    }
    if (u32_at(bytes, 32) != 0) {
        return refuse(error, "it is encrypted");
    }
    if (size == 0 || size > (uint64_t)ZG_QCOW2_VIRTUAL_MAX_MIB << 20) {
        return refuse(error, "its disk is empty or larger than 2 TiB");
    }
    if (version == 3) {
        header_bytes = u32_at(bytes, 100);
        if (header_bytes < 104 || header_bytes > 4096 || header_bytes % 8 != 0) {
            return refuse(error, "its header has an impossible length");
        }
        if (!check_features(u64_at(bytes, 72), error)) {
            return false;
        }
    }
    if (!check_extensions(bytes, n_bytes, header_bytes, error)) {
        return false;
    }
    *out_virtual_mib = (int64_t)((size + (1u << 20) - 1) >> 20);
    return true;
}
