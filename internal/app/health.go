package app

import (
	"context"
	"fmt"
	"strings"
	"time"

	"nightkeeper/internal/edge/store"
	"nightkeeper/internal/edge/telemetry"
	"nightkeeper/internal/edge/web/api"
	"nightkeeper/internal/kit/event"
	"nightkeeper/internal/kit/job"
)

func engineText(h telemetry.Health) string {
	switch {
	case !h.Ready:
		return "not answering since " + h.Since.UTC().Format("15:04:05") + " UTC: " + h.LastError + "; alerts and pages do not depend on it"
	case h.Dropped > 0:
		return fmt.Sprintf("answers; %d rows were lost while it was away", h.Dropped)
	}
	return "answers"
}

// tellAfter is how often work fails before people are told: what succeeds the second time is nobody's business.
const tellAfter = 3

// failing returns work that failed several times or was set aside.
func (a *App) failing(ctx context.Context) (out []api.Failing, err error) {
	var js []store.StuckJob
	err = a.db.View(ctx, func(t *store.Tx) error {
		js, err = t.Failing(ctx, tellAfter)
		return err
	})
	for _, j := range js {
		out = append(out, failingLine(j))
	}
	return out, err
}

func failingLine(j store.StuckJob) api.Failing {
	l := api.Failing{Kind: j.Kind, About: j.Key, Since: j.Since, Attempts: j.Attempts, Error: j.Error, Next: j.DueAt}
	phase, fact := strings.CutPrefix(j.Kind, "follow.")
	if e, err := job.Decode[event.Event](j.Job); fact && err == nil {
		l.Kind, l.About = e.Kind, fmt.Sprintf("fact %d for %s: %s", e.Seq, phase, e.Text)
	}
	if j.Aside && !fact {
		l.Next = time.Time{}
	}
	return l
}

func failingText(l api.Failing) string {
	next := "given up"
	if !l.Next.IsZero() {
		next = "next attempt " + l.Next.UTC().Format("15:04:05")
	}
	return fmt.Sprintf("%s fails since %s UTC, %d times: %s; %s", l.About, l.Since.UTC().Format("2 Jan 15:04:05"), l.Attempts, l.Error, next)
}
