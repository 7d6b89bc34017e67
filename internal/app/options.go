package app

import (
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"nightkeeper/internal/edge/channel/email"
	"nightkeeper/internal/kit/errs"
)

// Options say how to run. Zero values are good defaults except DataDir and CatalogDir.
type Options struct {
	DataDir       string         // state, telemetry and secrets; created when missing
	CatalogDir    string         // what the user declares
	Shadow        bool           // decide everything and page nobody: another system still does
	DatabaseURL   string         // postgres://…; empty is SQLite in DataDir
	HTTPAddr      string         // pages and API; default 127.0.0.1:7777
	GRPCAddr      string         // OTLP over gRPC; default 127.0.0.1:4317
	OTLPAddr      string         // OTLP over HTTP; default 127.0.0.1:4318
	BaseURL       string         // how people reach the pages; default http://HTTPAddr
	Retention     time.Duration  // of telemetry; default 30 days
	MaxTelemetry  int64          // bytes of telemetry on disk; 0 is no cap
	AllowOutgoing []netip.Prefix // private addresses that runbooks, webhooks and experiments may call
	SecretsDir    string         // files that runbooks may send in headers; empty: none
	SMTP          email.Config   // Host empty: no e-mail
	ChannelsFile  string         // credentials of other channels; empty: there are none
	AdminPassword string         // of the first account, when it is made; empty is a fresh one
	Self          []string       // command that runs this program; default os.Executable()
	Watchdog      Watchdog
	GatePatience  time.Duration // how long the gate takes for an answer at most; default prevent.Patience
	Version       string
	Now           func() time.Time
	Log           *slog.Logger

	channels Channels // what ChannelsFile has
}

// Watchdog says how the way from an alert to a person is tried; see page.WatchdogConfig.
type Watchdog struct {
	Every  time.Duration // 0: never
	Within time.Duration // default a minute
	Ping   string        // URL of a heartbeat outside that is told of each round that arrives
	Policy string        // whose people are told when rounds do not arrive; empty: the default policy
}

// check fills in defaults and refuses what cannot work.
func (w *Watchdog) check() error {
	if w.Within == 0 {
		w.Within = time.Minute
	}
	switch u, err := url.Parse(w.Ping); {
	case w.Every < 0 || (w.Every > 0 && w.Every < 2*time.Second):
		return errs.New(errs.Invalid, "--watchdog-every is %s; give at least 2s, or 0 to switch the watchdog off", w.Every)
	case w.Within < 2*time.Second:
		return errs.New(errs.Invalid, "--watchdog-within is %s; give at least 2s: a test page is held for one second", w.Within)
	case w.Ping != "" && (err != nil || u.Host == "" || (u.Scheme != "https" && u.Scheme != "http")):
		return errs.New(errs.Invalid, "--watchdog-ping is not an http or https URL; write https://hc-ping.com/your-uuid")
	case w.Ping != "" && w.Every == 0:
		return errs.New(errs.Invalid, "--watchdog-ping needs the watchdog; --watchdog-every is 0")
	}
	return nil
}

// complete fills in defaults and refuses what cannot work.
func (o Options) complete() (Options, error) {
	if o.DataDir == "" {
		return o, errs.New(errs.Invalid, "no data directory given; use --data DIR")
	}
	if o.CatalogDir == "" {
		return o, errs.New(errs.Invalid, "no catalog directory given; use --catalog DIR")
	}
	set := func(s *string, v string) {
		if *s == "" {
			*s = v
		}
	}
	set(&o.HTTPAddr, "127.0.0.1:7777")
	set(&o.GRPCAddr, "127.0.0.1:4317")
	set(&o.OTLPAddr, "127.0.0.1:4318")
	set(&o.Version, "dev")
	for _, a := range []struct{ flag, addr string }{{"--http", o.HTTPAddr}, {"--otlp-grpc", o.GRPCAddr}, {"--otlp-http", o.OTLPAddr}} {
		if _, port, err := net.SplitHostPort(a.addr); err != nil || !isPort(port) {
			return o, errs.New(errs.Invalid, "%s is %q, which is no address; write 127.0.0.1:7777, or :7777 for all networks", a.flag, a.addr)
		}
	}
	if u, err := url.Parse(o.BaseURL); o.BaseURL != "" && (err != nil || u.Host == "" || (u.Scheme != "https" && u.Scheme != "http")) {
		return o, errs.New(errs.Invalid, "--base-url is %q, which is not an http or https URL; write https://nightkeeper.example.org", o.BaseURL)
	}
	if o.Retention < 0 || o.MaxTelemetry < 0 {
		return o, errs.New(errs.Invalid, "--retention and --max-telemetry-bytes are 0 or more")
	}
	if o.Retention == 0 {
		o.Retention = 30 * 24 * time.Hour
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.NewTextHandler(os.Stderr, nil))
	}
	if len(o.Self) == 0 {
		self, err := os.Executable()
		if err != nil {
			return o, fmt.Errorf("find this program: %w", err)
		}
		o.Self = []string{self}
	}
	if o.SMTP.Host != "" {
		if mistakes := o.SMTP.Check(); len(mistakes) > 0 {
			return o, errs.New(errs.Invalid, "the mail server cannot be used: %s", strings.Join(mistakes, "; "))
		}
	}
	if err := o.Watchdog.check(); err != nil {
		return o, err
	}
	var err error
	if o.channels, err = ReadChannels(o.ChannelsFile); err != nil {
		return o, err
	}
	abs, err := filepath.Abs(o.DataDir)
	if err != nil {
		return o, fmt.Errorf("data directory: %w", err)
	}
	o.DataDir = abs
	return o, nil
}

func isPort(s string) bool {
	_, err := strconv.ParseUint(s, 10, 16)
	return err == nil
}

// dsn returns where the store is.
func (o Options) dsn() string {
	if o.DatabaseURL != "" {
		return o.DatabaseURL
	}
	return filepath.Join(o.DataDir, "nightkeeper.db")
}

// onlyHere reports whether an address can only be reached from this machine.
func onlyHere(addr string) bool {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return false
	}
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || (err == nil && ip.IsLoopback())
}

// ParsePrefixes reads a comma-separated list of addresses and prefixes.
func ParsePrefixes(s string) ([]netip.Prefix, error) {
	var out []netip.Prefix
	for _, part := range strings.Split(s, ",") {
		part = strings.TrimSpace(part)
		if part == "" {
			continue
		}
		if a, err := netip.ParseAddr(part); err == nil {
			out = append(out, netip.PrefixFrom(a, a.BitLen()))
			continue
		}
		p, err := netip.ParsePrefix(part)
		if err != nil {
			return nil, errs.New(errs.Invalid, "%q is not an address or a prefix; write 10.0.0.0/8 or 127.0.0.1", part)
		}
		out = append(out, p)
	}
	return out, nil
}
