package http

import (
	"net/netip"
	"net/url"
	"strings"
	"syscall"

	"nightkeeper/internal/kit/errs"
)

// guard decides which addresses a request may go to.
type guard struct{ allow []netip.Prefix }

// refused are the addresses that are no business of a request to the outside, by what they are called in errors.
var refused = []struct {
	what     string
	prefixes []netip.Prefix
}{
	{"an unspecified", prefixes("0.0.0.0/8", "::/128")},
	{"a loopback", prefixes("127.0.0.0/8", "::1/128")},
	{"a private", prefixes("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7", "fec0::/10")},
	{"a link-local or metadata", prefixes("169.254.0.0/16", "fe80::/10", "168.63.129.16/32")}, // the last is Azure's
	{"a carrier-grade NAT", prefixes("100.64.0.0/10")},
	{"a multicast", prefixes("224.0.0.0/4", "ff00::/8")},
	{"a reserved", prefixes("192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "198.18.0.0/15", "198.51.100.0/24",
		"203.0.113.0/24", "240.0.0.0/4", "::/96", "64:ff9b:1::/48", "100::/64", "2001::/23", "2001:db8::/32", "3fff::/20", "5f00::/16")},
}

// Addresses of version 6 that carry one of version 4, which is where a translator takes them.
var (
	nat64   = netip.MustParsePrefix("64:ff9b::/96")
	sixToV4 = netip.MustParsePrefix("2002::/16")
)

func prefixes(texts ...string) []netip.Prefix {
	list := make([]netip.Prefix, len(texts))
	for i, t := range texts {
		list[i] = netip.MustParsePrefix(t)
	}
	return list
}

// check returns why an address may not be connected to.
func (g guard) check(a netip.Addr) error {
	a = a.Unmap().WithZone("")
	for _, p := range g.allow {
		if p.Contains(a) {
			return nil
		}
	}
	for _, r := range refused {
		for _, p := range r.prefixes {
			if p.Contains(a) {
				return errs.New(errs.Denied, "%s is %s address; the configuration does not allow it", a, r.what)
			}
		}
	}
	if a.Is6() {
		b := a.As16()
		switch {
		case nat64.Contains(a):
			return g.check(netip.AddrFrom4([4]byte(b[12:16])))
		case sixToV4.Contains(a):
			return g.check(netip.AddrFrom4([4]byte(b[2:6])))
		}
	}
	return nil
}

// control is called with the address of each connection before it is made: behind the resolver, so that a name which
// resolves differently the second time does not get past it.
func (g guard) control(network, address string, _ syscall.RawConn) error {
	if !strings.HasPrefix(network, "tcp") {
		return errs.New(errs.Denied, "a request goes over TCP, not %s", network)
	}
	a, err := netip.ParseAddrPort(address)
	if err != nil {
		return errs.Wrap(err, errs.Denied, "the address of the connection cannot be read")
	}
	return g.check(a.Addr())
}

// checkURL parses a URL and returns it when a request may have it. Addresses are checked later, by control.
func checkURL(raw string) (*url.URL, error) {
	u, err := url.Parse(raw)
	switch {
	case err != nil:
		return nil, errs.New(errs.Invalid, "the URL cannot be read") // the error repeats the URL, which may hold a secret
	case u.Scheme != "http" && u.Scheme != "https":
		return nil, errs.New(errs.Invalid, "the URL must begin with http:// or https://, not %.40q", u.Scheme)
	case u.Opaque != "" || u.Hostname() == "":
		return nil, errs.New(errs.Invalid, "the URL has no host")
	case u.User != nil:
		return nil, errs.New(errs.Invalid, "the URL has a user name in it; use a header with secret:NAME")
	case strings.ContainsAny(u.Host, "%\x00 "):
		return nil, errs.New(errs.Invalid, "the URL has a host with a zone or an escape in it")
	}
	return u, nil
}

// sameOrigin reports whether two URLs are served by the same party.
func sameOrigin(a, b *url.URL) bool {
	return a.Scheme == b.Scheme && strings.EqualFold(a.Hostname(), b.Hostname()) && port(a) == port(b)
}

func port(u *url.URL) string {
	switch {
	case u.Port() != "":
		return u.Port()
	case u.Scheme == "https":
		return "443"
	}
	return "80"
}
