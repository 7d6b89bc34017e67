package http

import (
	"net/netip"
	"net/url"
	"testing"

	"nightkeeper/internal/kit/errs"
)

func TestAddressesThatAreRefused(t *testing.T) {
	for _, text := range []string{
		"0.0.0.0", "0.1.2.3", "127.0.0.1", "127.255.255.254", "10.1.2.3", "172.16.0.1", "172.31.255.255", "192.168.1.1",
		"169.254.169.254", "168.63.129.16", "100.100.100.200", "100.64.0.1", "224.0.0.1", "239.1.1.1", "240.0.0.1", "255.255.255.255",
		"192.0.2.1", "198.18.0.1", "::", "::1", "::127.0.0.1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "fe80::1", "fe80::1%eth0", "fc00::1",
		"fd00:ec2::254", "ff02::1", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::1", "2002:7f00:1::", "2002:a00:1::1", "2001:db8::1", "2001::1",
	} {
		if err := (guard{}).check(netip.MustParseAddr(text)); !errs.Is(err, errs.Denied) {
			t.Errorf("%s: got %v", text, err)
		}
	}
	for _, text := range []string{"1.1.1.1", "172.32.0.1", "100.128.0.1", "169.253.1.1", "::ffff:8.8.8.8", "2606:4700::1111", "64:ff9b::808:808", "2002:808:808::"} {
		if err := (guard{}).check(netip.MustParseAddr(text)); err != nil {
			t.Errorf("%s: got %v", text, err)
		}
	}
}

func TestAllowedPrefixesAreNotRefused(t *testing.T) {
	g := guard{allow: prefixes("10.1.0.0/16", "::1/128")}
	for text, want := range map[string]bool{
		"10.1.2.3": true, "10.2.0.1": false, "::ffff:10.1.2.3": true, "64:ff9b::a01:203": true, "64:ff9b::a02:1": false, "::1": true, "127.0.0.1": false,
	} {
		if err := g.check(netip.MustParseAddr(text)); (err == nil) != want {
			t.Errorf("%s: got %v", text, err)
		}
	}
}

func TestURLsThatAreRefused(t *testing.T) {
	for _, text := range []string{
		"", "x", "//host/", "/path", "ftp://host/", "file:///etc/passwd", "gopher://host/", "unix:///run/docker.sock", "http:opaque", "http://", "http:///x",
		"http://:80/", "http://user:pass@host/", "http://user@host/", "http://[fe80::1%25eth0]/", "http://host:port/", "http://ho st/", "http://[::1/", "HTTP\n://x",
	} {
		if u, err := checkURL(text); !errs.Is(err, errs.Invalid) {
			t.Errorf("%q: got %v, %v", text, u, err)
		}
	}
	for _, text := range []string{"http://host", "HTTPS://Host:8443/a?b=c#d", "http://[2606:4700::1111]/", "http://127.0.0.1/"} {
		if _, err := checkURL(text); err != nil {
			t.Errorf("%q: got %v", text, err)
		}
	}
}

// FuzzCheckURL holds that a URL which passes is plain, and reads the same a second time.
func FuzzCheckURL(f *testing.F) {
	for _, s := range []string{"http://a/b?c#d", "https://[::1]:80/", "http://0x7f.1/", "http://2130706433/", "http://a@b/", "http://a%00b/", "http://a\\@b/", "http:/\\b"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		u, err := checkURL(text)
		if err != nil {
			return
		}
		again, err := url.Parse(u.String())
		if err != nil || again.Hostname() != u.Hostname() || again.Port() != u.Port() || again.User != nil || again.Scheme != u.Scheme {
			t.Errorf("%q reads as %v and then as %v, %v", text, u, again, err)
		}
		if u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" {
			t.Errorf("%q passes as %v", text, u)
		}
	})
}

// FuzzGuard holds that no way to write an address of version 4 in version 6 makes it public.
func FuzzGuard(f *testing.F) {
	for _, a := range []string{"127.0.0.1", "10.0.0.1", "8.8.8.8", "169.254.169.254", "100.64.0.1"} {
		b := netip.MustParseAddr(a).As4()
		f.Add(b[:], uint8(0))
	}
	f.Fuzz(func(t *testing.T, b []byte, _ uint8) {
		if len(b) != 4 {
			return
		}
		plain := netip.AddrFrom4([4]byte(b))
		refused := (guard{}).check(plain) != nil
		if (plain.IsLoopback() || plain.IsPrivate() || plain.IsLinkLocalUnicast() || plain.IsMulticast() || plain.IsUnspecified()) && !refused {
			t.Errorf("%s is not refused", plain)
		}
		mapped := netip.AddrFrom16(plain.As16())
		nat := [16]byte{0, 0x64, 0xff, 0x9b, 12: b[0], 13: b[1], 14: b[2], 15: b[3]}
		six := [16]byte{0x20, 2, b[0], b[1], b[2], b[3]}
		for _, a := range []netip.Addr{mapped, netip.AddrFrom16(nat), netip.AddrFrom16(six)} {
			if got := (guard{}).check(a) != nil; got != refused {
				t.Errorf("%s: got refused %t, want as %s: %t", a, got, plain, refused)
			}
		}
	})
}
