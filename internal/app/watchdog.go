package app

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"time"

	"nightkeeper/internal/kit/ask"
	"nightkeeper/internal/loop/page"
)

func (a *App) newWatchdog(p *phases) *page.Watchdog {
	o := a.opts.Watchdog
	c := page.WatchdogConfig{Every: o.Every, Within: o.Within, Policy: o.Policy, Receive: p.detect.Receive, Jitter: rand.Float64}
	if o.Ping != "" {
		c.Ping = func(ctx context.Context) error {
			reply, err := a.ask.Do(ctx, ask.Request{Provider: "the heartbeat outside", Method: http.MethodGet, URL: o.Ping})
			if err != nil {
				return err
			}
			return reply.Err()
		}
	}
	return page.NewWatchdog(p.page, c)
}

// watchdogText says how the watchdog is.
func watchdogText(h page.WatchdogHealth, o Watchdog) string {
	clock := func(t time.Time) string { return t.UTC().Format("15:04:05") + " UTC" }
	var text string
	switch {
	case !h.On:
		return "off: nobody notices when pages do not arrive; see --watchdog-every"
	case !h.LostAt.IsZero():
		text = "pages may not arrive since " + clock(h.LostAt) + ": " + h.Why
		if len(h.Told) > 0 {
			text += "; told directly: " + strings.Join(h.Told, ", ")
		}
	case h.GoodAt.IsZero():
		text = "no test page yet"
	default:
		text = fmt.Sprintf("a test page arrived at %s, within %s", clock(h.GoodAt), h.Took.Round(time.Millisecond))
	}
	if h.PingError != "" {
		text += "; the heartbeat outside was not told: " + h.PingError
	} else if o.Ping == "" {
		text += "; no heartbeat outside is told, see --watchdog-ping"
	}
	return text
}

// detail returns a line for each part that does not work, for who asks whether the server is ready.
func (a *App) detail() string {
	if h := a.phases.watchdog.Health(); !h.LostAt.IsZero() {
		return "watchdog: " + watchdogText(h, a.opts.Watchdog) + "\n"
	}
	return ""
}
