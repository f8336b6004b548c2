/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "broker/reason.h"

#include <string.h>
#include "common/base/error.h"

static const struct {
    const char *code;
    const char *en;
    const char *es;
} reasons[] = {
    /* refusals of a desktop */
    {"not-entitled", "You may not use this pool",
     "No tiene permiso para usar este grupo de escritorios"},
    {"pool-disabled", "This pool is switched off", "Este grupo de escritorios está desactivado"},
    {"pool-full", "All desktops are in use; try again later",
     "Todos los escritorios están ocupados; inténtelo más tarde"},
    {"no-such-pool", "There is no such pool", "No existe ese grupo de escritorios"},
    {"not-ready", "The desktop is not ready yet", "El escritorio todavía no está listo"},
    {"signing-on", "The desktop is still opening your session",
     "El escritorio todavía está abriendo su sesión"},
    {"host-unreachable", "The host of this desktop does not answer",
     "El servidor de este escritorio no responde"},
    {"display-silent", "The display of this desktop did not answer in time",
     "La pantalla de este escritorio no respondió a tiempo"},
    {"session-ended", "This session has ended", "Esta sesión ha terminado"},
    {"administered", "An administrator asked for it", "Lo pidió un administrador"},
    /* sessions */
    {"asked", "A desktop was asked for", "Se pidió un escritorio"},
    {"assigned", "A desktop was assigned", "Se asignó un escritorio"},
    {"viewer-in", "The person is connected", "La persona está conectada"},
    {"transport-lost", "The connection was lost", "Se perdió la conexión"},
    {"idle", "Nobody used the desktop for a while; it runs on, open it again to go on",
     "Nadie usó el escritorio durante un rato; sigue en marcha, ábralo de nuevo para continuar"},
    {"idle-soon", "Nobody seems to be here: in a minute the connection closes, the desktop runs on",
     "Parece que no hay nadie: en un minuto se cierra la conexión, el escritorio sigue"},
    {"viewer-closed", "The viewer was closed", "Se cerró el visor"},
    {"held-expired", "Nobody came back in time", "Nadie volvió a tiempo"},
    {"user-log-off", "The person logged off", "La persona cerró la sesión"},
    {"forced-log-off", "An administrator ended the session", "Un administrador terminó la sesión"},
    {"guest-signed-off", "The desktop's session was closed from inside",
     "La sesión del escritorio se cerró desde dentro"},
    {"guest-powered-off", "The desktop was switched off from inside",
     "El escritorio se apagó desde dentro"},
    {"log-off-deadline", "The desktop did not log off in time and was reset",
     "El escritorio no cerró la sesión a tiempo y se reinició"},
    {"disconnected-too-long", "Nobody connected for longer than the pool allows",
     "Nadie se conectó durante más tiempo del permitido"},
    {"never-connected", "Nobody connected in time", "Nadie se conectó a tiempo"},
    {"queue-expired", "No desktop became free in time", "Ningún escritorio quedó libre a tiempo"},
    {"desktop-failed", "The desktop failed", "El escritorio falló"},
    {"host-lost", "The host of the desktop was lost", "Se perdió el servidor del escritorio"},
    {"pool-deleted", "The pool was deleted", "Se eliminó el grupo de escritorios"},
    {"sign-on-failed", "The desktop did not take the sign-on",
     "El escritorio no aceptó el inicio de sesión"},
    /* desktops */
    {"stock", "The pool needs one more", "El grupo necesita uno más"},
    {"machine-on", "Its machine runs", "Su máquina está en marcha"},
    {"prepared", "It is prepared", "Está preparado"},
    {"first-viewer", "The first viewer is in", "Entró el primer visor"},
    {"nobody-came", "Its session ended unused", "Su sesión terminó sin uso"},
    {"session-over", "Its session is over", "Su sesión ha terminado"},
    {"stopped", "Its machine stopped by itself", "Su máquina se paró sola"},
    {"recycled", "It stood ready for a day", "Llevaba un día preparado"},
    {"surplus", "The pool has too many", "El grupo tiene demasiados"},
    {"outdated", "A newer template version is current", "Hay una versión nueva de la plantilla"},
    {"host-maintenance", "Its host is in maintenance", "Su servidor está en mantenimiento"},
    {"asked-refresh", "An administrator asked for a refresh", "Un administrador pidió renovarlo"},
    {"asked-delete", "An administrator asked for its deletion",
     "Un administrador pidió eliminarlo"},
    {"too-slow", "It did not get ready in time", "No estuvo listo a tiempo"},
    {"failed", "It failed", "Falló"},
    {"after-error", "A failed desktop is replaced", "Se sustituye un escritorio fallido"},
    {"deleted", "It is gone from its host", "Ya no está en su servidor"},
    {"delete-unconfirmed", "Its host did not confirm the deletion",
     "Su servidor no confirmó la eliminación"},
    {"host-back", "Its host is back", "Su servidor ha vuelto"},
    /* placement and capacity */
    {"no-host", "No hypervisor host is connected", "No hay ningún servidor conectado"},
    {"no-image", "No host has the template's image", "Ningún servidor tiene la imagen"},
    {"no-network-kind", "No host offers this kind of network", "Ningún servidor ofrece esa red"},
    {"no-memory", "No host has enough free memory", "Ningún servidor tiene memoria libre"},
    {"no-disk", "No host has enough free disk", "Ningún servidor tiene disco libre"},
    {"starts-busy", "All hosts are busy starting desktops",
     "Los servidores están arrancando otros"},
    {"breaker-open", "Too many failures; waiting before the next try",
     "Demasiados fallos; se espera antes de reintentar"},
    {"no-version", "The template has no version that is ready",
     "La plantilla no tiene ninguna versión lista"},
};

static int
find(const char *code, size_t n_code)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(reasons); i++) {
        if (strlen(reasons[i].code) == n_code && strncmp(reasons[i].code, code, n_code) == 0) {
            return (int)i;
        }
    }
    return -1;
}

const char *
zg_reason_text(const char *code, const char *language)
{
    int i = code != NULL ? find(code, strlen(code)) : -1;

    if (i < 0) {
        return code;
    }
    return g_strcmp0(language, "es") == 0 ? reasons[i].es : reasons[i].en;
}

bool
zg_reason_is_known(const char *code)
{
    return code != NULL && find(code, strlen(code)) >= 0;
}

void
zg_reason_set(GError **error, int error_code, const char *code)
{
    g_set_error(error, ZG_ERROR, error_code, "%s: %s", code, zg_reason_text(code, "en"));
}

const char *
zg_reason_of_error(const GError *error)
{
    const char *colon = error != NULL ? strchr(error->message, ':') : NULL;
    int i = colon != NULL ? find(error->message, (size_t)(colon - error->message)) : -1;

    return i >= 0 ? reasons[i].code : NULL;
}
