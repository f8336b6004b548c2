/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Replays a corpus folder through a fuzz target, as an ordinary test. */
#include <dirent.h>
#include <glib.h>
#include <stdint.h>
#include <stdio.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int
main(int argc, char **argv)
{
    g_autoptr(GDir) folder = argc == 2 ? g_dir_open(argv[1], 0, NULL) : NULL;
    const char *name;
    int n_replayed = 0;

    if (folder == NULL) {
        fprintf(stderr, "usage: %s CORPUS-FOLDER (it must exist)\n", argv[0]);
        return 2;
    }
    while ((name = g_dir_read_name(folder)) != NULL) {
        g_autofree char *path = g_build_filename(argv[1], name, NULL);
        g_autofree char *bytes = NULL;
        gsize n_bytes = 0;

        if (!g_file_get_contents(path, &bytes, &n_bytes, NULL)) {
            fprintf(stderr, "cannot read %s\n", path);
            return 1;
        }
        LLVMFuzzerTestOneInput((const uint8_t *)bytes, n_bytes);
        n_replayed++;
    }
    printf("%d inputs replayed\n", n_replayed);
    return n_replayed > 0 ? 0 : 1; /* an empty corpus proves nothing */
}
