/* Which addresses are never connected to, whoever names them: link-local ones, where clouds answer
 * with credentials, and the metadata services outside of them. attacks.md J24.
 */
#ifndef BRAMA_HTTP_ADDRESS_H
#define BRAMA_HTTP_ADDRESS_H

#include <sys/socket.h>

#include "base/def.h"

/* Is it 169.254/16, fe80::/10, 100.100.100.200 or fd00:ec2::/32, or an IPv6 address that carries
 * such an IPv4 one (mapped, compatible, NAT64 64:ff9b::/96, 6to4)? True also for a family that is
 * neither IPv4 nor IPv6. */
bool brama__address_refused(const struct sockaddr *address);

#endif
