/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "hostd/hypervisor.h"

#include <string.h>
#include "common/base/error.h"
#include "common/base/worker.h"

#define N_THREADS 4 /* a start takes a second or two of waiting, not of work */
#define N_QUEUED 4096

static const ZgHypervisorOps *const kinds[] = {&zg_hyp_libvirt, &zg_hyp_fake};

struct ZgHypervisor {
    const ZgHypervisorOps *ops;
    void *impl;
    char *kind;
    ZgHypListener listener;
    ZgWorkerPool *pool;
};

typedef enum {
    CALL_OPEN,
    CALL_LIST,
    CALL_START,
    CALL_STOP,
    CALL_RESET,
    CALL_SAVE,
    CALL_REMOVE,
    CALL_CONSOLE,
    CALL_MEMORY,
} CallKind;

/* One call on its way; owned by whoever works on it. */
typedef struct {
    ZgHypervisor *hyp;
    CallKind kind;
    char *id;
    char *xml;
    ZgFd console, pictures;
    GPtrArray *domains;
    int64_t memory_mib;
    GError *error;
    union {
        ZgHypDone done;
        ZgHypConsoleDone console;
        ZgHypListDone list;
        ZgHypMemoryDone memory;
    } answer;
    void *user;
} Call;

ZgHypDomain *
zg_hyp_domain_new(const char *id, int64_t generation, bool active, bool saved)
{
    ZgHypDomain *domain = g_new0(ZgHypDomain, 1);

    *domain = (ZgHypDomain){
        .id = g_strdup(id), .generation = generation, .active = active, .saved = saved};
    return domain;
}

void
zg_hyp_domain_free(ZgHypDomain *domain)
{
    if (domain != NULL) {
        g_free(domain->id);
        g_free(domain);
    }
}

static void
free_domain(gpointer domain)
{
    zg_hyp_domain_free(domain);
}

static char *
kind_of(const char *uri)
{
    const char *path = strstr(uri, ":///");

    if (g_str_has_prefix(uri, "fake:")) {
        return g_strdup("fake");
    }
    path = path != NULL ? path + 4 : "";
    return g_strndup(path, strcspn(path, "?"));
}

ZgHypervisor *
zg_hypervisor_new(const ZgHypervisorOptions *options, const ZgHypListener *listener, GError **error)
{
    const char *uri = options->uri;
    g_autoptr(ZgHypervisor) hyp = g_new0(ZgHypervisor, 1);

    if (strstr(uri, ":///") == NULL) {
        g_set_error(error, ZG_ERROR, ZG_ERROR_INVALID,
                    "hypervisor '%s': only local ones are driven (scheme:///path)", uri);
        return NULL;
    }
    for (size_t i = 0; i < G_N_ELEMENTS(kinds) && hyp->ops == NULL; i++) {
        hyp->ops = g_str_has_prefix(uri, kinds[i]->prefix) ? kinds[i] : NULL;
    }
    if (hyp->ops == NULL) {
        g_set_error(error, ZG_ERROR, ZG_ERROR_INVALID, "hypervisor '%s': unknown kind", uri);
        return NULL;
    }
    hyp->listener = *listener;
    hyp->kind = kind_of(uri);
    hyp->impl = hyp->ops->create(options, hyp, error);
    if (hyp->impl == NULL) {
        return NULL;
    }
    hyp->pool = zg_worker_pool_new(N_THREADS, N_QUEUED);
    return g_steal_pointer(&hyp);
}

void
zg_hypervisor_free(ZgHypervisor *hyp)
{
    if (hyp == NULL) {
        return;
    }
    zg_worker_pool_free(hyp->pool);
    if (hyp->impl != NULL) {
        hyp->ops->destroy(hyp->impl);
    }
    g_free(hyp->kind);
    g_free(hyp);
}

const char *
zg_hypervisor_kind(const ZgHypervisor *hyp)
{
    return hyp->kind;
}

bool
zg_hypervisor_has_dbus_display(const ZgHypervisor *hyp)
{
    return hyp->ops->has_dbus_display(hyp->impl);
}

static void
call_work(void *job)
{
    Call *call = job;
    const ZgHypervisorOps *ops = call->hyp->ops;
    void *impl = call->hyp->impl;

    switch (call->kind) {
    case CALL_OPEN:
        ops->open(impl, &call->error);
        break;
    case CALL_LIST:
        ops->list(impl, call->domains, &call->error);
        break;
    case CALL_START:
        ops->start(impl, call->id, call->xml, &call->error);
        break;
    case CALL_STOP:
        ops->stop(impl, call->id, &call->error);
        break;
    case CALL_RESET:
        ops->reset(impl, call->id, &call->error);
        break;
    case CALL_SAVE:
        ops->save(impl, call->id, &call->error);
        break;
    case CALL_REMOVE:
        ops->remove(impl, call->id, &call->error);
        break;
    case CALL_CONSOLE:
        call->console = ops->open_console(impl, call->id, &call->pictures, &call->error);
        break;
    case CALL_MEMORY:
        call->memory_mib = ops->memory_mib(impl, call->id);
        break;
    }
}

static void
call_done(void *job)
{
    Call *call = job;

    switch (call->kind) {
    case CALL_CONSOLE:
        call->answer.console(zg_fd_steal(&call->console), zg_fd_steal(&call->pictures), call->error,
                             call->user);
        break;
    case CALL_LIST:
        call->answer.list(call->domains, call->error, call->user);
        break;
    case CALL_MEMORY:
        call->answer.memory(call->memory_mib, call->user);
        break;
    default:
        call->answer.done(call->error, call->user);
        break;
    }
    zg_fd_clear(&call->console);
    zg_fd_clear(&call->pictures);
    g_clear_pointer(&call->domains, g_ptr_array_unref);
    g_clear_error(&call->error);
    g_free(call->id);
    g_free(call->xml);
    g_free(call);
}

static gboolean
call_refused(gpointer data)
{
    call_done(data);
    return G_SOURCE_REMOVE;
}

static Call *
call_new(ZgHypervisor *hyp, CallKind kind, const char *id, void *user)
{
    Call *call = g_new0(Call, 1);

    *call = (Call){.hyp = hyp, .kind = kind, .id = g_strdup(id), .console = -1, .pictures = -1,
                    .user = user};
    return call;
}

static void
call_run(Call *call)
{
    if (!zg_worker_run(call->hyp->pool, call_work, call_done, call, &call->error)) {
        g_idle_add(call_refused, call);
    }
}

static void
simple_call(ZgHypervisor *hyp, CallKind kind, const char *id, const char *xml, ZgHypDone done,
            void *user)
{
    Call *call = call_new(hyp, kind, id, user);

    call->xml = g_strdup(xml);
    call->answer.done = done;
    call_run(call);
}

void
zg_hypervisor_open(ZgHypervisor *hyp, ZgHypDone done, void *user)
{
    simple_call(hyp, CALL_OPEN, NULL, NULL, done, user);
}

void
zg_hypervisor_start(ZgHypervisor *hyp, const char *id, const char *xml, ZgHypDone done, void *user)
{
    simple_call(hyp, CALL_START, id, xml, done, user);
}

void
zg_hypervisor_stop(ZgHypervisor *hyp, const char *id, ZgHypDone done, void *user)
{
    simple_call(hyp, CALL_STOP, id, NULL, done, user);
}

void
zg_hypervisor_reset(ZgHypervisor *hyp, const char *id, ZgHypDone done, void *user)
{
    simple_call(hyp, CALL_RESET, id, NULL, done, user);
}

void
zg_hypervisor_save(ZgHypervisor *hyp, const char *id, ZgHypDone done, void *user)
{
    simple_call(hyp, CALL_SAVE, id, NULL, done, user);
}

void
zg_hypervisor_remove(ZgHypervisor *hyp, const char *id, ZgHypDone done, void *user)
{
    simple_call(hyp, CALL_REMOVE, id, NULL, done, user);
}

void
zg_hypervisor_list(ZgHypervisor *hyp, ZgHypListDone done, void *user)
{
    Call *call = call_new(hyp, CALL_LIST, NULL, user);

    call->domains = g_ptr_array_new_with_free_func(free_domain);
    call->answer.list = done;
    call_run(call);
}

void
zg_hypervisor_console(ZgHypervisor *hyp, const char *id, ZgHypConsoleDone done, void *user)
{
    Call *call = call_new(hyp, CALL_CONSOLE, id, user);

    call->answer.console = done;
    call_run(call);
}

void
zg_hypervisor_memory(ZgHypervisor *hyp, const char *id, ZgHypMemoryDone done, void *user)
{
    Call *call = call_new(hyp, CALL_MEMORY, id, user);

    call->answer.memory = done;
    call_run(call);
}

typedef struct {
    ZgHypervisor *hyp;
    char *id;
    ZgHypEvent event;
    bool powered_off;
} Emission;

static gboolean
emit_on_loop(gpointer data)
{
    Emission *emission = data;
    const ZgHypListener *listener = &emission->hyp->listener;

    listener->on_event(emission->id, emission->event, emission->powered_off, listener->user);
    g_free(emission->id);
    g_free(emission);
    return G_SOURCE_REMOVE;
}

void
zg_hypervisor_emit(ZgHypervisor *hyp, const char *id, ZgHypEvent event, bool powered_off)
{
    Emission *emission = g_new0(Emission, 1);

    *emission =
        (Emission){.hyp = hyp, .id = g_strdup(id), .event = event, .powered_off = powered_off};
    g_idle_add_full(G_PRIORITY_DEFAULT, emit_on_loop, emission, NULL);
}
