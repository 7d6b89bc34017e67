package rota

import (
	"crypto/sha256"
	"encoding/hex"
	"strconv"
	"strings"
	"time"

	"nightkeeper/internal/loop/page/rota/ical"
)

// Events returns stints as entries of a calendar. Title says whose schedule it is; those without an end are shown until to.
// A stint has the same UID as long as it begins at the same time, wherever its end is moved.
func Events(ss []Stint, title func(schedule string) string, url string, to time.Time) []ical.Event {
	out := make([]ical.Event, 0, len(ss))
	for _, s := range ss {
		e := ical.Event{Title: s.Person + " is on call: " + title(s.Schedule), From: s.From, To: s.To, URL: url}
		if e.To.IsZero() {
			e.To = later(to, s.From.Add(time.Hour))
		}
		sum := sha256.Sum256([]byte(strings.Join([]string{s.Schedule, s.Layer, s.Override, s.Person, strconv.FormatInt(s.From.Unix(), 10)}, "\x00")))
		e.UID = hex.EncodeToString(sum[:16]) + "@nightkeeper"
		var text []string
		if s.Layer != "" {
			text = append(text, "Layer: "+s.Layer)
		}
		if s.Instead != "" {
			text = append(text, "Instead of "+s.Instead)
		}
		if s.Reason != "" {
			text = append(text, s.Reason)
		}
		e.Text = strings.Join(text, "\n")
		out = append(out, e)
	}
	return out
}
