package catalog

import (
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"
)

// Duration is a span of time that may be written as people write it: 90s, 10m, 1h30m, 28d, 4w, "10 minutes", 4_hours.
type Duration time.Duration

// D returns the duration as a time.Duration.
func (d Duration) D() time.Duration { return time.Duration(d) }

// String returns the duration in the shortest form that ParseDuration reads back.
func (d Duration) String() string {
	v := time.Duration(d)
	if v > 0 && v%(24*time.Hour) == 0 {
		return strconv.FormatInt(int64(v/(24*time.Hour)), 10) + "d"
	}
	s := v.String()
	if strings.HasSuffix(s, "m0s") {
		s = s[:len(s)-2]
	}
	if strings.HasSuffix(s, "h0m") {
		s = s[:len(s)-2]
	}
	return s
}

var durationPart = regexp.MustCompile(`^(\d+(?:\.\d+)?)[ _]*([a-zA-Zµμ]+)(?:[ _,]+and[ _]+|[ _,]*)`)

var durationUnits = map[string]time.Duration{
	"ns": time.Nanosecond, "us": time.Microsecond, "µs": time.Microsecond, "μs": time.Microsecond,
	"ms": time.Millisecond, "msec": time.Millisecond, "millisecond": time.Millisecond, "milliseconds": time.Millisecond,
	"s": time.Second, "sec": time.Second, "secs": time.Second, "second": time.Second, "seconds": time.Second,
	"m": time.Minute, "min": time.Minute, "mins": time.Minute, "minute": time.Minute, "minutes": time.Minute,
	"h": time.Hour, "hr": time.Hour, "hrs": time.Hour, "hour": time.Hour, "hours": time.Hour,
	"d": 24 * time.Hour, "day": 24 * time.Hour, "days": 24 * time.Hour,
	"w": 7 * 24 * time.Hour, "wk": 7 * 24 * time.Hour, "wks": 7 * 24 * time.Hour, "week": 7 * 24 * time.Hour, "weeks": 7 * 24 * time.Hour,
}

// ParseDuration reads a duration in any of the written forms of Duration. A bare number is refused: it has no unit.
func ParseDuration(s string) (time.Duration, error) {
	rest := strings.TrimSpace(s)
	if rest == "0" {
		return 0, nil
	}
	if strings.HasPrefix(rest, "-") {
		return 0, fmt.Errorf("%q is negative; a duration is 0 or more", s)
	}
	var sum time.Duration
	for first := true; rest != "" || first; first = false {
		m := durationPart.FindStringSubmatch(rest)
		if m == nil {
			return 0, fmt.Errorf("%q is not a duration; write a number and a unit, such as 90s, 10m, 4h, 28d or \"10 minutes\"", s)
		}
		unit, ok := durationUnits[strings.ToLower(m[2])]
		if m[2] == "M" || strings.HasPrefix(strings.ToLower(m[2]), "mon") || strings.HasPrefix(strings.ToLower(m[2]), "y") {
			return 0, fmt.Errorf("%q has months or years in it, which are not always as long; write days, such as 30d", s)
		}
		if !ok {
			return 0, fmt.Errorf("%q has the unknown unit %q; the units are ms, s, m, h, d and w", s, m[2])
		}
		n, err := strconv.ParseFloat(m[1], 64)
		if err != nil || float64(sum)+n*float64(unit) > float64(1<<62) {
			return 0, fmt.Errorf("%q is too large for a duration", s)
		}
		sum += time.Duration(math.Round(n * float64(unit)))
		rest = rest[len(m[0]):]
	}
	return sum, nil
}

// UnmarshalYAML reads the duration and keeps the place of a mistake.
func (d *Duration) UnmarshalYAML(n ast.Node) error {
	v, err := ParseDuration(scalar(n))
	if err != nil {
		return &placed{err.Error(), n.GetToken()}
	}
	*d = Duration(v)
	return nil
}

// MarshalJSON writes the duration as text.
func (d Duration) MarshalJSON() ([]byte, error) { return []byte(strconv.Quote(d.String())), nil }

// UnmarshalJSON reads what MarshalJSON wrote.
func (d *Duration) UnmarshalJSON(b []byte) error {
	s, err := strconv.Unquote(string(b))
	if err != nil {
		return fmt.Errorf("duration must be text: %w", err)
	}
	v, err := ParseDuration(s)
	*d = Duration(v)
	return err
}

// Time is a date or a date with time; without a zone it is read in the zone of the document that holds it.
type Time string

var timeLayouts = []string{time.RFC3339, "2006-01-02T15:04:05", "2006-01-02T15:04", "2006-01-02 15:04:05", "2006-01-02 15:04", "2006-01-02"}

// In returns the instant in the given zone; see Resolve for local times that clocks skip or show twice.
func (t Time) In(loc *time.Location) (time.Time, error) {
	v, zoned, err := t.parse()
	if err != nil || zoned {
		return v.In(loc), err
	}
	return Resolve(v, loc), nil
}

// Wall returns the time as clocks in the zone show it, in the fields of a time in UTC.
func (t Time) Wall(loc *time.Location) (time.Time, error) {
	v, zoned, err := t.parse()
	if err == nil && zoned {
		v = Wall(v, loc)
	}
	return v, err
}

func (t Time) parse() (v time.Time, zoned bool, err error) {
	for i, l := range timeLayouts {
		if i == 0 && len(t) < len("2006-01-02T15:04:05Z") || i > 0 && len(t) != len(l) {
			continue // it cannot be this layout, and the error would cost more than the rest
		}
		if v, err := time.Parse(l, string(t)); err == nil {
			return v, i == 0, nil
		}
	}
	return time.Time{}, false, fmt.Errorf("%q is not a time; write 2026-01-05T09:00 or 2026-01-05", string(t))
}

// Wall returns what clocks in the zone show at an instant, in the fields of a time in UTC.
func Wall(at time.Time, loc *time.Location) time.Time {
	at = at.In(loc)
	_, offset := at.Zone()
	return at.UTC().Add(time.Duration(offset) * time.Second)
}

// Resolve returns the instant at which clocks in the zone show the fields of wall. A time that they skip or show twice
// counts by the offset before the change, as RFC 5545 has it: 02:30 that is skipped is 03:30, and of two 02:30 it is the
// first.
func Resolve(wall time.Time, loc *time.Location) time.Time {
	wall = wall.UTC()
	at := wall.Add(-48 * time.Hour).In(loc) // no zone is this far from UTC: the period of at is not after the one we look for
	for {
		_, offset := at.Zone()
		found := wall.Add(-time.Duration(offset) * time.Second).In(loc)
		_, end := at.ZoneBounds()
		if end.IsZero() || found.Before(end) {
			return found
		}
		if _, next := end.Zone(); !wall.Add(-time.Duration(next) * time.Second).Before(end) {
			at = end
			continue
		}
		return found // skipped: the offset before the change counts
	}
}

// UnmarshalYAML reads the time as it is written.
func (t *Time) UnmarshalYAML(n ast.Node) error {
	s := scalar(n)
	if _, err := Time(s).In(time.UTC); err != nil {
		return &placed{err.Error(), n.GetToken()}
	}
	*t = Time(s)
	return nil
}

func scalar(n ast.Node) string {
	if s, ok := n.(*ast.StringNode); ok {
		return s.Value
	}
	return strings.TrimSpace(n.String())
}

// placed is a mistake at a place of a document.
type placed struct {
	msg string
	tok *token.Token
}

func (p *placed) Error() string { return p.msg }
