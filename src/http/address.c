#include "http/address.h"

#include <netinet/in.h>
#include <string.h>

#include "http/http.h"

static bool ipv4_refused(const uint8_t ip[4])
{
    static const uint8_t alibaba[4] = {100, 100, 100, 200};
    return (ip[0] == 169 && ip[1] == 254) || memcmp(ip, alibaba, sizeof(alibaba)) == 0;
}

static bool ipv6_refused(const uint8_t ip[16])
{
    /* Where an IPv4 address sits behind a well-known prefix: RFC 4291 section 2.5.5, RFC 6052
     * section 2.1, RFC 3056 section 2. */
    static const struct {
        uint8_t prefix[12];
        size_t prefix_bytes, at;
    } carriers[] = {
        {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff}, 12, 12},
        {{0}, 12, 12},
        {{0x00, 0x64, 0xff, 0x9b}, 12, 12},
        {{0x20, 0x02}, 2, 2},
    };
    static const uint8_t aws[4] = {0xfd, 0x00, 0x0e, 0xc2};

    if ((ip[0] == 0xfe && (ip[1] & 0xc0) == 0x80) || memcmp(ip, aws, sizeof(aws)) == 0)
        return true;
    for (size_t i = 0; i < BRAMA_ARRAY_LEN(carriers); i++) {
        if (memcmp(ip, carriers[i].prefix, carriers[i].prefix_bytes) == 0 &&
            ipv4_refused(ip + carriers[i].at))
            return true;
    }
    return false;
}

bool brama__address_refused(const struct sockaddr *address)
{
    if (address->sa_family == AF_INET) {
        struct sockaddr_in in;
        memcpy(&in, address, sizeof(in));
        uint8_t ip[4];
        memcpy(ip, &in.sin_addr, sizeof(ip));
        return ipv4_refused(ip);
    }
    if (address->sa_family == AF_INET6) {
        struct sockaddr_in6 in6;
        memcpy(&in6, address, sizeof(in6));
        return ipv6_refused(in6.sin6_addr.s6_addr);
    }
    return true;
}

bool brama_http_ip_refused(int family, const uint8_t ip[16])
{
    return family == AF_INET ? ipv4_refused(ip) : family == AF_INET6 ? ipv6_refused(ip) : true;
}
