/* SPDX-License-Identifier: GPL-3.0-or-later */
/* zaguan init: makes the folder of an installation */
#include <errno.h>
#include <gio/gio.h>
#include <glib/gstdio.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "client/ctl/commands.h"
#include "client/ctl/files.h"
#include "client/ctl/installation.h"
#include "client/ctl/pki.h"
#include "client/ctl/print.h"
#include "client/ctl/programs.h"
#include "common/base/error.h"
#include "common/base/id.h"
#include "common/proto/json.h"

/* Above every range that Debian, subuid and systemd hand out, below 2^31. */
#define WORKER_UID_BASE 1900000000

/* hostd makes what is inside its own folder, open to the ordinary user that guests run as. */
static const char *const folders[] = {"ca", "tls", "store", "hostd", "incoming", "run", "log"};

static bool
make_folders(const char *dir, GError **error)
{
    g_autoptr(GDir) old = NULL;

    if (g_mkdir_with_parents(dir, 0700) != 0) {
        zg_set_errno(error, errno, "make folder '%s'", dir);
        return false;
    }
    old = g_dir_open(dir, 0, NULL);
    if (old == NULL || g_dir_read_name(old) != NULL) {
        g_set_error(error, ZG_ERROR, ZG_ERROR_CONFLICT,
                    "'%s' is not empty; an installation begins in a new folder", dir);
        return false;
    }
    if (g_chmod(dir, 0700) != 0) {
        zg_set_errno(error, errno, "close '%s' to others", dir);
        return false;
    }
    for (size_t i = 0; i < G_N_ELEMENTS(folders); i++) {
        g_autofree char *path = g_build_filename(dir, folders[i], NULL);

        if (g_mkdir(path, 0700) != 0) {
            zg_set_errno(error, errno, "make folder '%s'", path);
            return false;
        }
    }
    return true;
}

static bool
issue(ZgPki *pki, const char *dir, const char *file, const char *name, const char *alternative,
      unsigned use, GError **error)
{
    g_autofree char *certificate = g_strdup_printf("%s/tls/%s.pem", dir, file);
    g_autofree char *key = g_strdup_printf("%s/tls/%s.key", dir, file);

    return zg_pki_issue(pki, name, alternative, use, certificate, key, error);
}

static bool
make_certificates(const ZgInstallation *in, char **out_fingerprint, GError **error)
{
    g_autofree char *id = zg_id_new();
    g_autofree char *authority = g_strdup_printf("Zaguan %s %.8s", in->host, id);
    g_autoptr(ZgPki) pki = zg_pki_new(authority, error);
    g_autofree char *ca = g_build_filename(in->dir, "ca/ca.pem", NULL);
    g_autofree char *ca_key = g_build_filename(in->dir, "ca/ca.key", NULL);
    g_autofree char *portal = zg_installation_alternative(in->addresses);
    g_autofree char *host = g_strdup_printf("URI:zaguan:host/%s", in->host);

    if (pki == NULL || !zg_pki_save(pki, ca, ca_key, error) ||
        !issue(pki, in->dir, "broker", "broker", "URI:zaguan:broker",
               ZG_PKI_SERVER | ZG_PKI_CLIENT, error) ||
        !issue(pki, in->dir, "host", in->host, host, ZG_PKI_CLIENT | ZG_PKI_SERVER, error) ||
        !issue(pki, in->dir, "front", in->addresses[0], portal, ZG_PKI_SERVER, error)) {
        return false;
    }
    *out_fingerprint = zg_pki_fingerprint(pki);
    return true;
}

static bool
write_conf(const ZgInstallation *in, const char *name, const char *text, GError **error)
{
    g_autofree char *path = g_build_filename(in->dir, name, NULL);

    return zg_file_write(path, text, strlen(text), 0600, error);
}

static bool
make_confs(const ZgInstallation *in, GError **error)
{
    g_autofree char *broker = zg_installation_broker_conf(in);
    g_autofree char *hostd = zg_installation_hostd_conf(in);
    g_autofree char *front = zg_installation_front_conf(in);

    return write_conf(in, "broker.conf", broker, error) &&
           write_conf(in, "hostd.conf", hostd, error) &&
           write_conf(in, "front.conf", front, error);
}

/* The account goes through the broker's own program: it alone knows the store. */
static bool
make_admin(const ZgInstallation *in, const char *name, const ZgSecret *password, GError **error)
{
    g_autofree char *program = zg_program_find("zaguan-broker", "broker", error);
    g_autofree char *conf = g_build_filename(in->dir, "broker.conf", NULL);
    g_autoptr(GSubprocessLauncher) launcher = g_subprocess_launcher_new(
        G_SUBPROCESS_FLAGS_STDIN_PIPE | G_SUBPROCESS_FLAGS_STDOUT_SILENCE);
    g_autoptr(GSubprocess) child = NULL;
    GOutputStream *to_child;
    bool written;

    if (program == NULL) {
        return false;
    }
    g_subprocess_launcher_setenv(launcher, "ZAGUAN_LOG", "warning", FALSE);
    child = g_subprocess_launcher_spawn(launcher, error, program, "--config", conf,
                                        "--create-local-admin", name, NULL);
    if (child == NULL) {
        return false;
    }
    to_child = g_subprocess_get_stdin_pipe(child);
    written = g_output_stream_write_all(to_child, password->bytes, password->n_bytes, NULL, NULL,
                                        NULL) &&
              g_output_stream_write_all(to_child, "\n", 1, NULL, NULL, NULL) &&
              g_output_stream_close(to_child, NULL, NULL);
    if (!g_subprocess_wait(child, NULL, error)) {
        return false;
    }
    if (!written || !g_subprocess_get_if_exited(child) ||
        g_subprocess_get_exit_status(child) != 0) {
        g_set_error(error, ZG_ERROR, ZG_ERROR_FAILED, "the account '%s' could not be made", name);
        return false;
    }
    return true;
}

/* localhost, loopback and this machine's name, unless the person named addresses. */
static char **
choose_addresses(const char *typed)
{
    const char *machine = g_get_host_name();

    if (typed != NULL) {
        return g_strsplit(typed, ",", 32);
    }
    if (!zg_installation_check_address(machine, NULL) || g_str_equal(machine, "localhost")) {
        machine = NULL;
    }
    return g_strdupv((char *[]){(char *)"localhost", (char *)"127.0.0.1", (char *)machine, NULL});
}

static char *
choose_host_name(const char *typed)
{
    g_autofree char *machine = g_ascii_strdown(typed ? typed : g_get_host_name(), -1);
    char *dot = typed ? NULL : strchr(machine, '.');

    if (dot != NULL) {
        *dot = '\0';
    }
    return zg_name_is_valid(machine) || typed != NULL ? g_steal_pointer(&machine)
                                                      : g_strdup("host-1");
}

static bool
check_texts(const ZgInstallation *in, GError **error)
{
    if (!zg_name_is_valid(in->host)) {
        zg_misuse(error, "--host '%s': lower-case letters, digits, inner hyphens, a letter first",
                  in->host);
        return false;
    }
    for (size_t i = 0; in->addresses[i] != NULL; i++) {
        if (!zg_installation_check_address(in->addresses[i], error)) {
            return false;
        }
    }
    for (size_t i = 0; in->ldap_uris[i] != NULL; i++) {
        if (!g_str_has_prefix(in->ldap_uris[i], "ldaps://") &&
            !(in->ldap_start_tls && g_str_has_prefix(in->ldap_uris[i], "ldap://"))) {
            zg_misuse(error, "--ldap-uri '%s': must begin with ldaps://, or with ldap:// when "
                             "--ldap-start-tls is given", in->ldap_uris[i]);
            return false;
        }
    }
    if (in->ldap_uris[0] != NULL && in->ldap_base == NULL) {
        zg_misuse(error, "--ldap-uri needs --ldap-base, e.g. dc=example,dc=org");
        return false;
    }
    return true;
}

static bool
choose_numbers(ZgCtl *ctl, ZgInstallation *in, GError **error)
{
    const char *network = zg_ctl_option(ctl, "no-nat");

    in->nat = network == NULL;
    return zg_ctl_option_int(ctl, "https-port", 1, 65535, 8443, &in->https_port, error) &&
           zg_ctl_option_int(ctl, "rfb-port", 0, 65535, 5900, &in->rfb_port, error) &&
           zg_ctl_option_int(ctl, "metrics-port", 0, 65535, 9440, &in->metrics_port, error);
}

static char **
split_option(ZgCtl *ctl, const char *name, const char *fallback)
{
    const char *text = zg_ctl_option(ctl, name);

    text = text ? text : fallback;
    return text[0] ? g_strsplit(text, ",", 32) : g_new0(char *, 1);
}

static void
tell(ZgCtl *ctl, const ZgInstallation *in, const char *admin, const ZgSecret *password,
     const char *fingerprint)
{
    g_autofree char *url =
        g_strdup_printf("https://%s:%" G_GINT64_FORMAT, in->addresses[0], in->https_port);

    if (zg_ctl_json(ctl)) {
        g_autoptr(json_t) all =
            json_pack("{s:s, s:s, s:s, s:s*, s:s*}", "dir", in->dir, "url", url, "ca_sha256",
                      fingerprint, "user", admin, "password",
                      password ? zg_secret_text(password) : NULL);

        zg_print_json(all);
        return;
    }
    printf("folder       %s\nportal       %s\nauthority    %s/ca/ca.pem\nSHA-256      %s\n",
           in->dir, url, in->dir, fingerprint);
    if (admin != NULL) {
        printf("user         %s\n", admin);
    }
    if (password != NULL) {
        printf("password     %s   (shown once)\n", zg_secret_text(password));
    }
    fflush(stdout);
    zg_say("next: zaguan up %s", in->dir);
}

/* Everything after the choices. A folder that could not be finished is left for inspection. */
static int
make_all(ZgCtl *ctl, const ZgInstallation *in, GError **error)
{
    const char *admin = zg_ctl_option(ctl, "no-admin") ? NULL
                        : zg_ctl_option(ctl, "admin")  ? zg_ctl_option(ctl, "admin")
                                                       : "admin";
    const char *file = zg_ctl_option(ctl, "password-file");
    g_autoptr(ZgSecret) password =
        file ? zg_password_ask(file, "password", error) : zg_password_generate();
    g_autofree char *fingerprint = NULL;

    if (password == NULL || !make_folders(in->dir, error) ||
        !make_certificates(in, &fingerprint, error) || !make_confs(in, error) ||
        (admin != NULL && !make_admin(in, admin, password, error))) {
        return -1;
    }
    tell(ctl, in, admin, admin != NULL && file == NULL ? password : NULL, fingerprint);
    return 0;
}

static const char *
option_or(ZgCtl *ctl, const char *name, const char *fallback)
{
    const char *text = zg_ctl_option(ctl, name);

    return text ? text : fallback;
}

static char *
choose_web(ZgCtl *ctl, GError **error)
{
    const char *typed = zg_ctl_option(ctl, "web-directory");

    return typed ? g_canonicalize_filename(typed, NULL)
                 : zg_data_find("web", "client/web/dist", "client/web/dist", error);
}

static int
init_run(ZgCtl *ctl, GError **error)
{
    g_autofree char *dir = g_canonicalize_filename(zg_ctl_arg(ctl, 0), NULL);
    g_autofree char *host = choose_host_name(zg_ctl_option(ctl, "host"));
    g_auto(GStrv) addresses = choose_addresses(zg_ctl_option(ctl, "address"));
    g_auto(GStrv) uris = split_option(ctl, "ldap-uri", "");
    g_auto(GStrv) groups = split_option(ctl, "admin-groups", "zaguan-admins");
    g_autofree char *web = choose_web(ctl, error);
    ZgInstallation in = {
        .dir = dir,
        .host = host,
        .addresses = addresses,
        .https_address = option_or(ctl, "listen", "0.0.0.0"),
        .rfb_address = option_or(ctl, "listen", "0.0.0.0"),
        .web_dir = web,
        .qemu_user = zg_ctl_option(ctl, "qemu-user"),
        .worker_uid_base = geteuid() == 0 ? WORKER_UID_BASE : 0,
        .ldap_uris = uris,
        .ldap_base = zg_ctl_option(ctl, "ldap-base"),
        .ldap_ca_file = zg_ctl_option(ctl, "ldap-ca-file"),
        .ldap_bind_dn = zg_ctl_option(ctl, "ldap-bind-dn"),
        .ldap_bind_password_file = zg_ctl_option(ctl, "ldap-bind-password-file"),
        .ldap_user_filter = zg_ctl_option(ctl, "ldap-user-filter"),
        .ldap_start_tls = zg_ctl_option(ctl, "ldap-start-tls") != NULL,
        .admin_groups = groups,
    };

    if (strlen(dir) > 80) {
        return zg_misuse(error, "'%s': longer than 80 bytes, so the sockets in it could have no "
                                "name", dir);
    }
    if (web == NULL || !choose_numbers(ctl, &in, error) || !check_texts(&in, error)) {
        return -1;
    }
    if (!g_hostname_is_ip_address(in.https_address)) {
        return zg_misuse(error, "--listen '%s': must be a numeric address", in.https_address);
    }
    return make_all(ctl, &in, error);
}

static const ZgCtlOption init_options[] = {
    {"address", "LIST", "names and addresses people use, with commas (default: localhost,127.0.0.1 "
                        "and this machine's name)"},
    {"listen", "ADDRESS", "numeric address the portal listens on (default 0.0.0.0)"},
    {"https-port", "PORT", "of portal, API and console (default 8443)"},
    {"rfb-port", "PORT", "for VNC viewers (default 5900)"},
    {"metrics-port", "PORT", "on loopback, 0 is off (default 9440)"},
    {"host", "NAME", "what this machine is called as a host"},
    {"admin", "NAME", "first local account (default admin)"},
    {"no-admin", NULL, "make no local account"},
    {"password-file", "FILE", "its password, instead of a generated one; - is standard input"},
    {"web-directory", "DIR", "files of the portal"},
    {"no-nat", NULL, "pools may not give their guests a way out"},
    {"qemu-user", "NAME", "ordinary user that guests run as, when Zaguan runs as root"},
    {"ldap-uri", "LIST", "ldaps:// addresses of the directory, with commas"},
    {"ldap-start-tls", NULL, "addresses are ldap:// and StartTLS is mandatory"},
    {"ldap-base", "DN", "where people and groups are searched"},
    {"ldap-ca-file", "FILE", "certificates to check the directory with"},
    {"ldap-bind-dn", "DN", "who searches"},
    {"ldap-bind-password-file", "FILE", "that account's password"},
    {"ldap-user-filter", "FILTER", "default (uid={user})"},
    {"admin-groups", "LIST", "groups whose members administer (default zaguan-admins)"},
    {NULL, NULL, NULL},
};

const ZgCommand zg_cmd_init = {
    .name = "init", .usage = "DIR [--address LIST] [--https-port PORT] ...",
    .help = "Make an installation in an empty folder: certificates, configuration, first account.",
    .min_args = 1, .max_args = 1, .options = init_options, .run = init_run,
};
