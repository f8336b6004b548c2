/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One check is: connect (with TLS), bind as the searching account, find exactly one entry, bind as
 * that entry with the password, walk the groups. A URI that cannot be reached passes the rest of
 * the time to the next one. Every handle has network and operation timeouts and connects without
 * blocking (without CONNECT_ASYNC, libldap 2.5 waits for ever in a TLS handshake with a silent
 * peer); over all of them a ZgDeadline shuts the socket down.
 */
#include "auth/ldap.h"

#include <errno.h>
#include <ldap.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>
#include "auth/deadline.h"
#include "auth/ldap_escape.h"
#include "auth/ldap_groups.h"
#include "common/base/error.h"
#include "common/base/limits.h"
#include "common/base/log.h"
#include "common/base/secret.h"

#define SYSTEM_CA_FILE "/etc/ssl/certs/ca-certificates.crt"
#define MAX_ENTRY_VALUES 1024
/* One message of a directory; without a limit liblber takes what the length claims, up to 4 GB. */
#define MAX_MESSAGE_BYTES (4 * 1024 * 1024)

typedef struct {
    ZgProvider base;
    ZgLdapConfig config;
    char *user_attribute;
    ZgSecret *bind_password;
    int n_uris;
    int first_uri; /* atomic: the one that answered last */
} LdapProvider;

/* One connection to one directory. */
typedef struct {
    LdapProvider *provider;
    const char *uri;
    ZgDeadline *deadline;
    struct ldap_conncb callbacks;
    LDAP *ld;
} Link;

typedef struct {
    char *dn;
    char *user;
    char *full_name;
    char **member_of;
} Entry;

static void
entry_clear(Entry *entry)
{
    g_clear_pointer(&entry->dn, g_free);
    g_clear_pointer(&entry->user, g_free);
    g_clear_pointer(&entry->full_name, g_free);
    g_clear_pointer(&entry->member_of, g_strfreev);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Entry, entry_clear)

typedef LDAPMessage LdapResult;
static void
result_free(LdapResult *result)
{
    ldap_msgfree(result);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC(LdapResult, result_free)

/* --- the link ---------------------------------------------------------------------------- */

static int
on_connected(LDAP *ld, Sockbuf *sb, LDAPURLDesc *server, struct sockaddr *address,
             struct ldap_conncb *callbacks)
{
    Link *link = callbacks->lc_arg;
    ber_socket_t fd = -1;
    ber_len_t most = MAX_MESSAGE_BYTES;

    (void)ld;
    (void)server;
    (void)address;
    if (ber_sockbuf_ctrl(sb, LBER_SB_OPT_GET_FD, &fd) == 1 && fd >= 0) {
        zg_deadline_watch(link->deadline, fd);
    }
    ber_sockbuf_ctrl(sb, LBER_SB_OPT_SET_MAX_INCOMING, &most);
    return LDAP_SUCCESS;
}

static void
on_disconnected(LDAP *ld, Sockbuf *sb, struct ldap_conncb *callbacks)
{
    (void)ld;
    (void)sb;
    (void)callbacks;
}

static void
link_clear(Link *link)
{
    if (link->ld != NULL) {
        /* Without sending an unbind that could wait: what we had to say is said. */
        ldap_unbind_ext(link->ld, NULL, NULL);
        link->ld = NULL;
    }
    g_clear_pointer(&link->deadline, zg_deadline_stop);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Link, link_clear)

static struct timeval
remaining(const Link *link)
{
    int64_t left_us = MAX(zg_deadline_remaining_us(link->deadline), 1000);

    return (struct timeval){.tv_sec = left_us / G_USEC_PER_SEC,
                            .tv_usec = left_us % G_USEC_PER_SEC};
}

static bool
refuse(const Link *link, int rc, const char *what, GError **error)
{
    g_autofree char *detail = NULL;
    char *diagnostic = NULL;
    bool late = rc == LDAP_TIMEOUT || zg_deadline_remaining_us(link->deadline) == 0;

    if (link->ld != NULL) {
        ldap_get_option(link->ld, LDAP_OPT_DIAGNOSTIC_MESSAGE, &diagnostic);
    }
    detail = g_strconcat(ldap_err2string(rc), diagnostic != NULL ? ": " : NULL, diagnostic, NULL);
    g_set_error(error, ZG_ERROR, late ? ZG_ERROR_TIMEOUT : ZG_ERROR_UNAVAILABLE,
                "directory '%s': %s: %s", link->uri, what, late ? "no answer in time" : detail);
    ldap_memfree(diagnostic);
    return false;
}

static bool
set_options(Link *link, GError **error)
{
    const ZgLdapConfig *config = &link->provider->config;
    struct timeval left = remaining(link);
    int version = LDAP_VERSION3;
    int demand = LDAP_OPT_X_TLS_DEMAND;
    int least = LDAP_OPT_X_TLS_PROTOCOL_TLS1_2;
    int never = LDAP_DEREF_NEVER;
    int client = 0;
    const char *ca = config->ca_file != NULL ? config->ca_file : SYSTEM_CA_FILE;
    const struct {
        int option;
        const void *value;
        const char *name;
    } options[] = {
        {LDAP_OPT_PROTOCOL_VERSION, &version, "protocol version"},
        {LDAP_OPT_REFERRALS, LDAP_OPT_OFF, "referrals"},
        {LDAP_OPT_DEREF, &never, "aliases"},
        {LDAP_OPT_RESTART, LDAP_OPT_ON, "restart"},
        {LDAP_OPT_CONNECT_ASYNC, LDAP_OPT_ON, "asynchronous connect"},
        {LDAP_OPT_NETWORK_TIMEOUT, &left, "network timeout"},
        {LDAP_OPT_TIMEOUT, &left, "timeout"},
        {LDAP_OPT_CONNECT_CB, &link->callbacks, "connect callback"},
        {LDAP_OPT_X_TLS_REQUIRE_CERT, &demand, "certificate check"},
        {LDAP_OPT_X_TLS_PROTOCOL_MIN, &least, "least TLS version"},
        {LDAP_OPT_X_TLS_CACERTFILE, ca, "ca-file"},
        {LDAP_OPT_X_TLS_NEWCTX, &client, "TLS context"}, /* last: it reads the ones above */
    };

    for (size_t i = 0; i < G_N_ELEMENTS(options); i++) {
        int rc = ldap_set_option(link->ld, options[i].option, options[i].value);

        if (rc != LDAP_OPT_SUCCESS) {
            return refuse(link, LDAP_LOCAL_ERROR, options[i].name, error);
        }
    }
    return true;
}

/* After LDAP_X_CONNECTING: waits until the socket is connected, or has failed. */
static bool
wait_connected(Link *link, GError **error)
{
    struct pollfd waiting = {.fd = -1, .events = POLLOUT};
    int64_t left_ms = zg_deadline_remaining_us(link->deadline) / 1000;
    int n;

    ldap_get_option(link->ld, LDAP_OPT_DESC, &waiting.fd);
    if (left_ms <= 0 || waiting.fd < 0) {
        return refuse(link, waiting.fd < 0 ? LDAP_CONNECT_ERROR : LDAP_TIMEOUT, "connect", error);
    }
    do {
        n = poll(&waiting, 1, (int)left_ms);
    } while (n < 0 && errno == EINTR);
    return n > 0 || refuse(link, n == 0 ? LDAP_TIMEOUT : LDAP_CONNECT_ERROR, "connect", error);
}

static bool
wait_result(Link *link, int msgid, const char *what, LDAPMessage **out_result, GError **error)
{
    struct timeval left = remaining(link);
    LDAPMessage *result = NULL;
    int rc = ldap_result(link->ld, msgid, LDAP_MSG_ALL, &left, &result);

    if (rc <= 0) {
        int code = LDAP_TIMEOUT;

        if (rc < 0) {
            ldap_get_option(link->ld, LDAP_OPT_RESULT_CODE, &code);
        }
        ldap_msgfree(result);
        return refuse(link, code, what, error);
    }
    *out_result = result;
    return true;
}

static bool
start_tls(Link *link, GError **error)
{
    g_autoptr(LdapResult) result = NULL;
    int msgid = 0;
    int rc;
    int code = LDAP_OTHER;

    while ((rc = ldap_start_tls(link->ld, NULL, NULL, &msgid)) == LDAP_X_CONNECTING) {
        if (!wait_connected(link, error)) {
            return false;
        }
    }
    if (rc != LDAP_SUCCESS) {
        return refuse(link, rc, "connect", error);
    }
    if (!wait_result(link, msgid, "StartTLS", &result, error)) {
        return false;
    }
    rc = ldap_parse_result(link->ld, result, &code, NULL, NULL, NULL, NULL, 0);
    if (rc != LDAP_SUCCESS || code != LDAP_SUCCESS) {
        return refuse(link, rc != LDAP_SUCCESS ? rc : code, "StartTLS", error);
    }
    rc = ldap_install_tls(link->ld);
    return rc == LDAP_SUCCESS || refuse(link, rc, "StartTLS", error);
}

/* What a bind answered, with what the directory says about the password. */
typedef struct {
    int code;
    char *diagnostic;
    LDAPPasswordPolicyError policy;
} BindAnswer;

static void
bind_answer_clear(BindAnswer *answer)
{
    g_clear_pointer(&answer->diagnostic, g_free);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(BindAnswer, bind_answer_clear)

static void
read_policy(Link *link, LDAPControl **controls, BindAnswer *answer)
{
    LDAPControl *control = ldap_control_find(LDAP_CONTROL_PASSWORDPOLICYRESPONSE, controls, NULL);
    ber_int_t expire_s = 0;
    ber_int_t grace = 0;

    answer->policy = PP_noError;
    if (control != NULL &&
        ldap_parse_passwordpolicy_control(link->ld, control, &expire_s, &grace,
                                          &answer->policy) != LDAP_SUCCESS) {
        answer->policy = PP_noError;
    }
}

static bool
bind_as(Link *link, const char *dn, const char *password, size_t n_password, BindAnswer *answer,
        GError **error)
{
    struct berval credentials = {.bv_len = n_password, .bv_val = (char *)password};
    LDAPControl policy = {.ldctl_oid = (char *)LDAP_CONTROL_PASSWORDPOLICYREQUEST};
    LDAPControl *controls[] = {&policy, NULL};
    g_autoptr(LdapResult) result = NULL;
    LDAPControl **answered = NULL;
    char *diagnostic = NULL;
    int msgid = 0;
    int rc;

    while ((rc = ldap_sasl_bind(link->ld, dn, LDAP_SASL_SIMPLE, &credentials, controls, NULL,
                                &msgid)) == LDAP_X_CONNECTING) {
        if (!wait_connected(link, error)) {
            return false;
        }
    }
    if (rc != LDAP_SUCCESS) {
        return refuse(link, rc, "connect", error);
    }
    if (!wait_result(link, msgid, "bind", &result, error)) {
        return false;
    }
    rc = ldap_parse_result(link->ld, result, &answer->code, NULL, &diagnostic, NULL, &answered, 0);
    if (rc == LDAP_SUCCESS) {
        read_policy(link, answered, answer);
        answer->diagnostic = g_strdup(diagnostic != NULL ? diagnostic : "");
    }
    ldap_memfree(diagnostic);
    ldap_controls_free(answered);
    return rc == LDAP_SUCCESS || refuse(link, rc, "bind", error);
}

/* Connects, secures, and binds as the account that searches. */
static bool
link_open(Link *link, LdapProvider *provider, const char *uri, int64_t until_us, GError **error)
{
    const ZgLdapConfig *config = &provider->config;
    const ZgSecret *secret = provider->bind_password;
    g_auto(BindAnswer) answer = {0};
    int rc;

    link->provider = provider;
    link->uri = uri;
    link->deadline = zg_deadline_start(until_us);
    link->callbacks = (struct ldap_conncb){
        .lc_add = on_connected, .lc_del = on_disconnected, .lc_arg = link};
    rc = ldap_initialize(&link->ld, uri);
    if (rc != LDAP_SUCCESS) {
        return refuse(link, rc, "open", error);
    }
    if (!set_options(link, error)) {
        return false;
    }
    if (g_str_has_prefix(uri, "ldap://") && config->start_tls && !start_tls(link, error)) {
        return false;
    }
    if (!bind_as(link, config->bind_dn != NULL ? config->bind_dn : "",
                 secret != NULL ? zg_secret_text(secret) : "", secret != NULL ? secret->n_bytes : 0,
                 &answer, error)) {
        return false;
    }
    return answer.code == LDAP_SUCCESS ||
           refuse(link, answer.code, "bind of the searching account (bind-dn)", error);
}

/* --- searching --------------------------------------------------------------------------- */

static char **
values_of(LDAP *ld, LDAPMessage *entry, const char *attribute)
{
    struct berval **values = ldap_get_values_len(ld, entry, attribute);
    GPtrArray *texts = g_ptr_array_new();

    for (int i = 0; values != NULL && values[i] != NULL && i < MAX_ENTRY_VALUES; i++) {
        const struct berval *value = values[i];

        if (value->bv_len > 0 && g_utf8_validate(value->bv_val, (gssize)value->bv_len, NULL)) {
            g_ptr_array_add(texts, g_strndup(value->bv_val, value->bv_len));
        }
    }
    ldap_value_free_len(values);
    g_ptr_array_add(texts, NULL);
    return (char **)g_ptr_array_free(texts, FALSE);
}

/* The smallest value, so that an entry with several is the same person however it is found. */
static char *
one_value_of(LDAP *ld, LDAPMessage *entry, const char *attribute)
{
    g_auto(GStrv) values = values_of(ld, entry, attribute);
    const char *least = values[0];

    for (int i = 0; values[i] != NULL; i++) {
        if (strcmp(values[i], least) < 0) {
            least = values[i];
        }
    }
    return g_strdup(least);
}

static bool
search(Link *link, const char *base, int scope, const char *filter, const char **attributes,
       int n_most, int *out_code, LDAPMessage **out_result, GError **error)
{
    struct timeval left = remaining(link);
    g_autoptr(LdapResult) result = NULL;
    int msgid = 0;
    int rc = ldap_search_ext(link->ld, base, scope, filter, (char **)attributes, 0, NULL, NULL,
                             &left, n_most, &msgid);

    if (rc != LDAP_SUCCESS) {
        return refuse(link, rc, "search", error);
    }
    if (!wait_result(link, msgid, "search", &result, error)) {
        return false;
    }
    rc = ldap_parse_result(link->ld, result, out_code, NULL, NULL, NULL, NULL, 0);
    if (rc != LDAP_SUCCESS) {
        return refuse(link, rc, "search", error);
    }
    *out_result = g_steal_pointer(&result);
    return true;
}

/* Finds the one entry of @user. None and several are the same to the person, not in the log. */
static bool
find_user(Link *link, const char *user, Entry *out_entry, bool *out_found, GError **error)
{
    const LdapProvider *provider = link->provider;
    g_autofree char *filter = zg_ldap_fill_filter(provider->config.user_filter, user, NULL);
    const char *attributes[] = {provider->user_attribute, provider->config.full_name_attribute,
                                "memberOf", NULL};
    g_autoptr(LdapResult) result = NULL;
    LDAPMessage *entry;
    char *dn;
    int code = 0;
    int n_entries;

    *out_found = false;
    if (!search(link, provider->config.user_base, LDAP_SCOPE_SUBTREE, filter, attributes, 2, &code,
                &result, error)) {
        return false;
    }
    if (code != LDAP_SUCCESS && code != LDAP_SIZELIMIT_EXCEEDED && code != LDAP_NO_SUCH_OBJECT) {
        return refuse(link, code, "search for a user", error);
    }
    n_entries = ldap_count_entries(link->ld, result);
    if (n_entries != 1 || code == LDAP_SIZELIMIT_EXCEEDED) {
        if (n_entries > 1) {
            zg_log_warning("ldap-not-unique", user,
                           "more than one directory entry has this name; sign-in is refused");
        }
        return true;
    }
    entry = ldap_first_entry(link->ld, result);
    dn = ldap_get_dn(link->ld, entry);
    out_entry->dn = g_strdup(dn);
    ldap_memfree(dn);
    out_entry->user = one_value_of(link->ld, entry, provider->user_attribute);
    out_entry->full_name =
        one_value_of(link->ld, entry, provider->config.full_name_attribute);
    out_entry->member_of = values_of(link->ld, entry, "memberOf");
    *out_found = out_entry->dn != NULL && out_entry->dn[0] != '\0' && out_entry->user != NULL &&
                 strlen(out_entry->user) <= ZG_LIMIT_USER_BYTES;
    return true;
}

/* --- groups ------------------------------------------------------------------------------ */

/* One spelling of a DN; also its first value when that is a cn. NULL when it is no DN. */
static char *
normalise_dn(const char *text, char **out_name)
{
    LDAPDN dn = NULL;
    char *plain = NULL;
    g_autofree char *folded = NULL;

    if (ldap_str2dn(text, &dn, LDAP_DN_FORMAT_LDAPV3) != LDAP_SUCCESS || dn == NULL) {
        return NULL;
    }
    if (ldap_dn2str(dn, &plain, LDAP_DN_FORMAT_LDAPV3) == LDAP_SUCCESS && plain != NULL) {
        folded = g_utf8_validate(plain, -1, NULL) ? g_utf8_strdown(plain, -1) : NULL;
    }
    if (out_name != NULL && folded != NULL && dn[0] != NULL && dn[0][0] != NULL) {
        const LDAPAVA *first = dn[0][0];

        if (first->la_attr.bv_len == 2 &&
            g_ascii_strncasecmp(first->la_attr.bv_val, "cn", 2) == 0) {
            *out_name = g_strndup(first->la_value.bv_val, first->la_value.bv_len);
        }
    }
    ldap_memfree(plain);
    ldap_dnfree(dn);
    return g_steal_pointer(&folded);
}

/* A short name counts only inside group-base: elsewhere anybody may be allowed to make a `cn`. */
static bool
is_below(const char *dn, const char *base)
{
    g_autofree char *normal = base != NULL ? normalise_dn(base, NULL) : NULL;
    size_t n_dn = strlen(dn);
    size_t n_base = normal != NULL ? strlen(normal) : 0;

    return base == NULL || (n_base > 0 && n_dn > n_base && dn[n_dn - n_base - 1] == ',' &&
                            g_str_equal(dn + n_dn - n_base, normal));
}

static void
group_found(const LdapProvider *provider, ZgGroupWalk *walk, const char *dn_text)
{
    g_autofree char *name = NULL;
    g_autofree char *dn = normalise_dn(dn_text, &name);

    if (dn != NULL) {
        zg_group_walk_found(walk, dn, is_below(dn, provider->config.group_base) ? name : NULL);
    }
}

static void
groups_found(const LdapProvider *provider, ZgGroupWalk *walk, char **dns)
{
    for (char **dn = dns; dn != NULL && *dn != NULL; dn++) {
        group_found(provider, walk, *dn);
    }
}

/* One query: the groups that any of @members (a NULL-terminated list of DNs) is in. */
static bool
ask_members(Link *link, ZgGroupWalk *walk, const char *user, char **members, GError **error)
{
    const LdapProvider *provider = link->provider;
    const char *attributes[] = {"memberOf", NULL};
    g_autoptr(GString) filter = g_string_new("(|");
    g_autoptr(LdapResult) result = NULL;
    int code = 0;

    for (char **member = members; *member != NULL; member++) {
        g_autofree char *one = zg_ldap_fill_filter(provider->config.group_filter, user, *member);

        g_string_append(filter, one != NULL ? one : "");
    }
    g_string_append_c(filter, ')');
    if (!search(link, provider->config.group_base, LDAP_SCOPE_SUBTREE, filter->str, attributes,
                ZG_GROUPS_MAX, &code, &result, error)) {
        return false;
    }
    if (code != LDAP_SUCCESS && code != LDAP_SIZELIMIT_EXCEEDED && code != LDAP_NO_SUCH_OBJECT) {
        return refuse(link, code, "search for groups", error);
    }
    for (LDAPMessage *at = ldap_first_entry(link->ld, result); at != NULL;
         at = ldap_next_entry(link->ld, at)) {
        g_auto(GStrv) member_of = values_of(link->ld, at, "memberOf");
        char *dn = ldap_get_dn(link->ld, at);

        if (dn != NULL) {
            group_found(provider, walk, dn);
        }
        groups_found(provider, walk, member_of);
        ldap_memfree(dn);
    }
    return true;
}

/* Without group-base: one query reads memberOf of one group. */
static bool
ask_group(Link *link, ZgGroupWalk *walk, const char *dn, GError **error)
{
    const char *attributes[] = {"memberOf", NULL};
    g_autoptr(LdapResult) result = NULL;
    LDAPMessage *entry;
    int code = 0;

    if (!search(link, dn, LDAP_SCOPE_BASE, "(objectClass=*)", attributes, 1, &code, &result,
                error)) {
        return false;
    }
    entry = code == LDAP_SUCCESS ? ldap_first_entry(link->ld, result) : NULL;
    if (entry != NULL) {
        g_auto(GStrv) member_of = values_of(link->ld, entry, "memberOf");

        groups_found(link->provider, walk, member_of);
    }
    return true; /* a group that may not be read is in no others that we may know of */
}

static bool
find_groups(Link *link, const Entry *entry, char ***out_groups, GError **error)
{
    const LdapProvider *provider = link->provider;
    g_autoptr(ZgGroupWalk) walk = zg_group_walk_new();
    bool by_search = provider->config.group_base != NULL;
    char *self[] = {entry->dn, NULL};
    char **next;

    groups_found(provider, walk, entry->member_of);
    if (by_search && !ask_members(link, walk, entry->user, self, error)) {
        return false;
    }
    while ((next = zg_group_walk_next(walk, by_search ? ZG_GROUPS_PER_QUERY : 1)) != NULL) {
        g_auto(GStrv) members = next;

        if (!(by_search ? ask_members(link, walk, NULL, members, error)
                        : ask_group(link, walk, members[0], error))) {
            return false;
        }
    }
    if (zg_group_walk_is_cut(walk)) {
        zg_log_warning("ldap-groups-cut", entry->user,
                       "more than %d groups or %d queries; ignoring the rest of the groups",
                       ZG_GROUPS_MAX, ZG_GROUP_QUERIES_MAX);
    }
    *out_groups = zg_group_walk_names(walk);
    return true;
}

/* --- the check --------------------------------------------------------------------------- */

/* What a directory tells about a password that was right. NULL: nothing, so it was wrong. */
static const char *
words_for(const BindAnswer *answer)
{
    static const struct {
        const char *mark; /* Active Directory, in the diagnostic text of the bind */
        const char *words;
    } marks[] = {
        {"data 532,", "Your password has expired. Change it, then sign in again."},
        {"data 773,", "You must change your password before you sign in here."},
        {"data 533,", "This account is disabled."},
        {"data 701,", "This account has expired."},
        {"data 530,", "This account may not sign in at this time."},
    };

    if (answer->policy == PP_passwordExpired) {
        return marks[0].words;
    }
    if (answer->policy == PP_changeAfterReset) {
        return marks[1].words;
    }
    for (size_t i = 0; i < G_N_ELEMENTS(marks) && answer->code != LDAP_SUCCESS; i++) {
        if (strstr(answer->diagnostic, marks[i].mark) != NULL) {
            return marks[i].words;
        }
    }
    return NULL;
}

/* Decides from the bind; true only for a right and usable password. */
static bool
judge(const Link *link, const BindAnswer *answer, GError **error)
{
    const char *words = words_for(answer);

    if (words != NULL) {
        g_set_error_literal(error, ZG_ERROR, ZG_ERROR_DENIED, words);
        return false;
    }
    switch (answer->code) {
    case LDAP_SUCCESS:
        return true;
    case LDAP_BUSY:
    case LDAP_UNAVAILABLE:
    case LDAP_UNWILLING_TO_PERFORM:
    case LDAP_CONFIDENTIALITY_REQUIRED:
    case LDAP_STRONG_AUTH_REQUIRED:
    case LDAP_OTHER:
        return refuse(link, answer->code, "bind of a user", error);
    default: /* invalid credentials, no such object, inappropriate authentication, … */
        g_set_error_literal(error, ZG_ERROR, ZG_ERROR_UNAUTHENTICATED, ZG_SIGN_IN_REFUSED);
        return false;
    }
}

static bool
check_at(LdapProvider *provider, const char *uri, int64_t until_us, const char *user,
         const char *password, size_t n_password, ZgIdentity **out_identity, GError **error)
{
    g_auto(Link) link = {0};
    g_auto(Link) user_link = {0};
    g_auto(Entry) entry = {0};
    g_auto(BindAnswer) answer = {0};
    g_auto(GStrv) groups = NULL;
    g_autofree char *dn = NULL;
    bool found = false;

    if (!link_open(&link, provider, uri, until_us, error) ||
        !find_user(&link, user, &entry, &found, error)) {
        return false;
    }
    if (found) {
        dn = g_strdup(entry.dn);
    } else {
        /* A bind for nobody, so that an unknown name takes the way of a wrong password. */
        g_autofree char *id = g_uuid_string_random();

        dn = g_strdup_printf("cn=%s,%s", id, provider->config.user_base);
    }
    /* On a link of its own: the first one stays bound as the searching account. */
    if (!link_open(&user_link, provider, uri, until_us, error) ||
        !bind_as(&user_link, dn, password, n_password, &answer, error) ||
        !judge(&user_link, &answer, error)) {
        return false;
    }
    if (!found) { /* a directory that lets nobody in: not with us */
        g_set_error_literal(error, ZG_ERROR, ZG_ERROR_UNAUTHENTICATED, ZG_SIGN_IN_REFUSED);
        return false;
    }
    if (!find_groups(&link, &entry, &groups, error)) {
        return false;
    }
    *out_identity = zg_identity_new(entry.user, entry.full_name, groups, false);
    return true;
}

static bool
probe_at(LdapProvider *provider, const char *uri, int64_t until_us, GError **error)
{
    g_auto(Link) link = {0};

    return link_open(&link, provider, uri, until_us, error);
}

/* Goes through the URIs, the last good one first, until one gives an answer. */
static bool
with_failover(LdapProvider *provider, const char *user, const char *password, size_t n_password,
              ZgIdentity **out_identity, GError **error)
{
    int64_t end_us = g_get_monotonic_time() + provider->config.timeout_s * G_USEC_PER_SEC;
    int first = g_atomic_int_get(&provider->first_uri);
    g_autoptr(GString) causes = g_string_new(NULL);
    ZgErrorCode code = ZG_ERROR_UNAVAILABLE;

    for (int i = 0; i < provider->n_uris; i++) {
        int at = (first + i) % provider->n_uris;
        const char *uri = provider->config.uris[at];
        int64_t now_us = g_get_monotonic_time();
        /* Each gets an equal part of what is left, so that the last one has time too. */
        int64_t until_us = now_us + MAX(end_us - now_us, 0) / (provider->n_uris - i);
        g_autoptr(GError) cause = NULL;
        bool ok = user != NULL ? check_at(provider, uri, until_us, user, password, n_password,
                                          out_identity, &cause)
                               : probe_at(provider, uri, until_us, &cause);

        if (ok || (zg_error_code_of(cause) != ZG_ERROR_UNAVAILABLE &&
                   zg_error_code_of(cause) != ZG_ERROR_TIMEOUT)) {
            g_atomic_int_set(&provider->first_uri, at);
            if (!ok) {
                g_propagate_error(error, g_steal_pointer(&cause));
            }
            return ok;
        }
        zg_log_warning("ldap-uri-failed", uri, "%s", cause->message);
        g_string_append_printf(causes, "%s%s", causes->len > 0 ? "; " : "", cause->message);
        code = zg_error_code_of(cause);
    }
    g_set_error_literal(error, ZG_ERROR, (int)code, causes->str);
    return false;
}

static bool
check(ZgProvider *provider, const char *user, const char *password, size_t n_password,
      ZgIdentity **out_identity, GError **error)
{
    return with_failover((LdapProvider *)provider, user, password, n_password, out_identity, error);
}

static bool
probe(ZgProvider *provider, GError **error)
{
    return with_failover((LdapProvider *)provider, NULL, NULL, 0, NULL, error);
}

/* --- making it --------------------------------------------------------------------------- */

static void
config_copy(ZgLdapConfig *to, const ZgLdapConfig *from)
{
    *to = (ZgLdapConfig){
        .uris = g_strdupv(from->uris),
        .start_tls = from->start_tls,
        .insecure = from->insecure,
        .ca_file = g_strdup(from->ca_file),
        .bind_dn = g_strdup(from->bind_dn),
        .bind_password_file = g_strdup(from->bind_password_file),
        .user_base = g_strdup(from->user_base),
        .user_filter = g_strdup(from->user_filter),
        .group_base = g_strdup(from->group_base),
        .group_filter = g_strdup(from->group_filter),
        .full_name_attribute = g_strdup(from->full_name_attribute),
        .timeout_s = from->timeout_s,
    };
}

static void
provider_free(ZgProvider *provider)
{
    LdapProvider *ldap = (LdapProvider *)provider;

    zg_ldap_config_clear(&ldap->config);
    g_free(ldap->user_attribute);
    zg_secret_free(ldap->bind_password);
    g_free(ldap);
}

static const ZgProviderOps ldap_ops = {
    .kind = "ldap",
    .check = check,
    .probe = probe,
    .free = provider_free,
};

static bool
invalid(GError **error, const char *key, const char *what)
{
    g_set_error(error, ZG_ERROR, ZG_ERROR_INVALID, "[ldap] %s: %s", key, what);
    return false;
}

static bool
check_uri(const ZgLdapConfig *config, const char *uri, GError **error)
{
    bool tls = g_str_has_prefix(uri, "ldaps://");

    if ((!tls && !g_str_has_prefix(uri, "ldap://")) || !ldap_is_ldap_url(uri)) {
        return invalid(error, "uris", "each must be ldaps://HOST or ldap://HOST");
    }
    if (!tls && !config->start_tls && !config->insecure) {
        return invalid(error, "uris",
                       "ldap:// without start-tls sends passwords in the clear; use ldaps://, "
                       "start-tls = true, or (for a test only) insecure = true");
    }
    if (!tls && !config->start_tls) {
        zg_log_warning("ldap-insecure", uri,
                       "passwords go to this directory unencrypted because of insecure = true");
    }
    return true;
}

static bool
check_config(const ZgLdapConfig *config, GError **error)
{
    g_autofree char *attribute = NULL;

    if (config->uris == NULL || config->uris[0] == NULL || g_strv_length(config->uris) > 16) {
        return invalid(error, "uris", "one to 16 are needed");
    }
    for (char **uri = config->uris; *uri != NULL; uri++) {
        if (!check_uri(config, *uri, error)) {
            return false;
        }
    }
    attribute = zg_ldap_filter_attribute(config->user_filter);
    if (attribute == NULL) {
        return invalid(error, "user-filter", "must contain ATTRIBUTE={user}, as in (uid={user})");
    }
    if (config->user_base == NULL) {
        return invalid(error, "user-base", "is missing");
    }
    if (config->group_base != NULL && strstr(config->group_filter, "{dn}") == NULL) {
        return invalid(error, "group-filter", "must contain {dn}, as in (member={dn})");
    }
    if ((config->bind_dn != NULL) != (config->bind_password_file != NULL)) {
        return invalid(error, "bind-dn", "needs bind-password-file, and the other way round");
    }
    if (access(config->ca_file != NULL ? config->ca_file : SYSTEM_CA_FILE, R_OK) != 0 &&
        !config->insecure) {
        return invalid(error, "ca-file", "cannot be read");
    }
    return true;
}

static ZgSecret *
read_first_line(const char *path, GError **error)
{
    char *text = NULL;
    gsize n_text = 0;
    ZgSecret *secret = NULL;
    g_autoptr(GError) cause = NULL;

    if (!g_file_get_contents(path, &text, &n_text, &cause)) {
        invalid(error, "bind-password-file", cause->message);
        return NULL;
    }
    n_text = MIN(n_text, strcspn(text, "\r\n"));
    if (n_text == 0 || n_text > ZG_LIMIT_PASSWORD_BYTES) {
        invalid(error, "bind-password-file", "the first line must be a password");
    } else {
        secret = zg_secret_new(text, n_text);
    }
    zg_wipe_free_text(text);
    return secret;
}

ZgProvider *
zg_ldap_provider_new(const ZgLdapConfig *config, GError **error)
{
    LdapProvider *ldap;
    g_autoptr(ZgSecret) password = NULL;

    g_setenv("LDAPNOINIT", "1", TRUE);
    signal(SIGPIPE, SIG_IGN); /* libldap writes to sockets that the deadline has shut down */
    if (!check_config(config, error)) {
        return NULL;
    }
    if (config->bind_password_file != NULL) {
        password = read_first_line(config->bind_password_file, error);
        if (password == NULL) {
            return NULL;
        }
    }
    ldap = g_new0(LdapProvider, 1);
    ldap->base.ops = &ldap_ops;
    config_copy(&ldap->config, config);
    ldap->user_attribute = zg_ldap_filter_attribute(config->user_filter);
    ldap->bind_password = g_steal_pointer(&password);
    ldap->n_uris = (int)g_strv_length(config->uris);
    return &ldap->base;
}
