package ui

import (
	"context"
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// elapsed writes a span of time the way it is said: at most two units. static/js/time.js writes it the same way.
func elapsed(d time.Duration) string {
	d = max(d, 0)
	s := int64(d / time.Second)
	switch {
	case s < 60:
		return fmt.Sprintf("%d s", s)
	case s < 3600:
		return fmt.Sprintf("%d min", s/60)
	case s < 24*3600:
		return fmt.Sprintf("%d h %02d min", s/3600, s%3600/60)
	}
	return fmt.Sprintf("%d d %d h", s/86400, s%86400/3600)
}

// stopwatch writes a span of time as it is counted: 4:09, 1:04:09.
func stopwatch(d time.Duration) string {
	s := int64(max(d, 0) / time.Second)
	if s < 3600 {
		return fmt.Sprintf("%d:%02d", s/60, s%60)
	}
	return fmt.Sprintf("%d:%02d:%02d", s/3600, s%3600/60, s%60)
}

// latency writes how long a request took.
func latency(d time.Duration) string {
	switch {
	case d <= 0:
		return "–"
	case d < time.Millisecond:
		return fmt.Sprintf("%d µs", d.Microseconds())
	case d < 10*time.Millisecond:
		return strconv.FormatFloat(float64(d)/float64(time.Millisecond), 'f', 1, 64) + " ms"
	case d < time.Second:
		return fmt.Sprintf("%d ms", d.Milliseconds())
	case d < time.Minute:
		return strconv.FormatFloat(d.Seconds(), 'f', 1, 64) + " s"
	}
	return elapsed(d)
}

// period writes a declared length of time: 5m as 5 min, 28 days as 28 d.
func period(d time.Duration) string {
	switch {
	case d <= 0:
		return "0"
	case d%(24*time.Hour) == 0:
		return fmt.Sprintf("%d d", d/(24*time.Hour))
	case d%time.Hour == 0:
		return fmt.Sprintf("%d h", d/time.Hour)
	case d%time.Minute == 0:
		return fmt.Sprintf("%d min", d/time.Minute)
	case d < time.Second:
		return fmt.Sprintf("%d ms", d.Milliseconds())
	}
	if d < time.Minute {
		return fmt.Sprintf("%d s", int64(d.Round(time.Second)/time.Second))
	}
	return fmt.Sprintf("%d min %d s", d/time.Minute, int64(d%time.Minute/time.Second))
}

// number writes a count with thousands apart.
func number(n int64) string {
	s := strconv.FormatInt(n, 10)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// rate writes requests per second.
func rate(perSecond float64) string {
	switch {
	case perSecond == 0:
		return "0/s"
	case perSecond < 0.1:
		return strconv.FormatFloat(perSecond*60, 'f', 1, 64) + "/min"
	case perSecond < 10:
		return strconv.FormatFloat(perSecond, 'f', 1, 64) + "/s"
	}
	return number(int64(math.Round(perSecond))) + "/s"
}

// percent writes a share with as many digits as it has meaning.
func percent(share float64) string {
	p := 100 * share
	switch {
	case p == 0:
		return "0 %"
	case math.Abs(p) < 0.1:
		return "<0.1 %"
	case math.Abs(p) < 10:
		return strconv.FormatFloat(p, 'f', 1, 64) + " %"
	}
	return number(int64(math.Round(p))) + " %"
}

// objective writes a target such as 99.95 %.
func objective(target float64) string {
	return strings.TrimRight(strings.TrimRight(strconv.FormatFloat(100*target, 'f', 4, 64), "0"), ".") + " %"
}

// money writes an amount without cents.
func money(v float64, currency string) string {
	s := number(int64(math.Round(v)))
	if currency != "" {
		s += " " + currency
	}
	return s
}

// burn writes a burn rate: 14.4×.
func burn(x float64) string {
	if x >= 100 {
		return number(int64(math.Round(x))) + "×"
	}
	return strconv.FormatFloat(x, 'f', 1, 64) + "×"
}

// plural writes a count with its noun.
func plural[T int | int64](n T, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return number(int64(n)) + " " + many
}

// clock writes the time of day in the reader's zone, with the date when it is not today.
func clock(ctx context.Context, t time.Time) string {
	sh := shellOf(ctx)
	t = t.In(sh.Zone)
	now := sh.Now.In(sh.Zone)
	switch {
	case t.Year() == now.Year() && t.YearDay() == now.YearDay():
		return t.Format("15:04:05")
	case t.Year() == now.Year():
		return t.Format("2 Jan 15:04")
	}
	return t.Format("2 Jan 2006 15:04")
}

// exact writes a time to the second with its zone.
func exact(ctx context.Context, t time.Time) string {
	return t.In(shellOf(ctx).Zone).Format("2006-01-02 15:04:05 MST")
}

// day writes a date.
func day(ctx context.Context, t time.Time) string {
	return t.In(shellOf(ctx).Zone).Format("2 Jan 2006")
}

// shift writes when a turn ends or begins: a weekday is what people remember.
func shift(ctx context.Context, t time.Time) string {
	return t.In(shellOf(ctx).Zone).Format("Mon 2 Jan 15:04")
}

func iso(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// words makes an identifier readable: retry_storm is retry storm.
func words(s string) string { return strings.ReplaceAll(s, "_", " ") }

var goSpans = []struct {
	re  *regexp.Regexp
	out string
}{
	{regexp.MustCompile(`\b(\d+)h0m0s\b`), "$1 h"},
	{regexp.MustCompile(`\b(\d+)h(\d+)m0s\b`), "$1 h $2 min"},
	{regexp.MustCompile(`\b(\d+)m0s\b`), "$1 min"},
	{regexp.MustCompile(`\b(\d+)m(\d+)s\b`), "$1 min $2 s"},
	{regexp.MustCompile(`\b(\d+)ms\b`), "$1 ms"},
}

// spoken writes the durations in a text the way people do: 1h0m0s is 1 h.
func spoken(s string) string {
	for _, g := range goSpans {
		s = g.re.ReplaceAllString(s, g.out)
	}
	return s
}

// sentence begins a text with a capital, but for one that begins with a name: checkout-api, http.post, INC-4.
func sentence(s string) string {
	s = spoken(s)
	first, _, _ := strings.Cut(s, " ")
	if s == "" || strings.ContainsAny(strings.TrimRight(first, ".:,"), "-_./:0123456789") {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}

// f2 writes a coordinate.
func f2(v float64) string { return strconv.FormatFloat(v, 'f', 2, 64) }

// cut shortens a text to n letters.
func cut(s string, n int) string {
	r := []rune(s)
	if len(r) <= n {
		return s
	}
	return string(r[:n]) + "…"
}
