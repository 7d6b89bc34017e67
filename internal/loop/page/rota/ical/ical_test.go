package ical

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	parser "github.com/arran4/golang-ical"
)

var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.FixedZone("CET", 3600))

func calendar() Calendar {
	return Calendar{Name: "On call: Mira", Text: "Who; when, and \\why", Now: noon, Reread: time.Hour, Events: []Event{
		{UID: "a@nightkeeper", Title: "mira is on call: Primary; 24/7, all of it", Text: "Layer: nights\nInstead of ana\r\nDentist \\o/", URL: "https://nk.example.com/oncall?a=1;b=2,3", From: noon, To: noon.Add(time.Hour)},
		{UID: "b@nightkeeper", Title: strings.Repeat("日本語のとても長い題名🔥", 12), From: noon.Add(24 * time.Hour), To: noon.Add(25 * time.Hour)},
	}}
}

// wellFormed checks what RFC 5545 asks of bytes.
func wellFormed(b []byte) error {
	if !bytes.HasSuffix(b, []byte("\r\n")) {
		return fmt.Errorf("the last line has no end")
	}
	for line := range strings.SplitSeq(strings.TrimSuffix(string(b), "\r\n"), "\r\n") {
		switch {
		case len(line) > 75:
			return fmt.Errorf("a line of %d bytes: %q", len(line), line)
		case !utf8.ValidString(line):
			return fmt.Errorf("a character is folded in two: %q", line)
		case strings.ContainsAny(line, "\r\n\x00\x7f"):
			return fmt.Errorf("a control character: %q", line)
		case line == "":
			return fmt.Errorf("an empty line")
		}
	}
	return nil
}

// read parses a calendar with the library of others.
func read(b []byte) (*parser.Calendar, error) {
	if err := wellFormed(b); err != nil {
		return nil, err
	}
	return parser.ParseCalendar(bytes.NewReader(b))
}

func property(e *parser.VEvent, name parser.ComponentProperty) string {
	p := e.GetProperty(name)
	if p == nil {
		return ""
	}
	return parser.FromText(p.Value)
}

func TestCalendarIsReadByOthers(t *testing.T) {
	c := calendar()
	b := Write(c)
	got, err := read(b)
	if err != nil {
		t.Fatalf("%v\n%s", err, b)
	}
	head := map[string]string{}
	for _, p := range got.CalendarProperties {
		head[p.IANAToken] = parser.FromText(p.Value)
	}
	if head["METHOD"] != "PUBLISH" || head["VERSION"] != "2.0" || head["X-WR-CALNAME"] != c.Name || head["X-WR-CALDESC"] != c.Text || head["REFRESH-INTERVAL"] != "PT60M" {
		t.Errorf("head %v", head)
	}
	es := got.Events()
	if len(es) != 2 {
		t.Fatalf("%d events", len(es))
	}
	for i, e := range es {
		w := c.Events[i]
		from, err1 := e.GetStartAt()
		to, err2 := e.GetEndAt()
		at, err3 := e.GetDtStampTime()
		if err1 != nil || err2 != nil || err3 != nil || !from.Equal(w.From) || !to.Equal(w.To) || !at.Equal(c.Now) {
			t.Errorf("event %d from %s to %s at %s: %v %v %v", i, from, to, at, err1, err2, err3)
		}
		if e.Id() != w.UID || property(e, parser.ComponentPropertySummary) != w.Title || property(e, parser.ComponentPropertyDescription) != strings.ReplaceAll(w.Text, "\r\n", "\n") {
			t.Errorf("event %d: %q %q %q", i, e.Id(), property(e, parser.ComponentPropertySummary), property(e, parser.ComponentPropertyDescription))
		}
		if p := e.GetProperty(parser.ComponentPropertyUrl); w.URL != "" && p.Value != w.URL {
			t.Errorf("event %d: URL %q", i, p.Value)
		}
	}
}

func TestTimesAreUTC(t *testing.T) {
	if b := string(Write(calendar())); !strings.Contains(b, "DTSTART:20261121T110000Z\r\n") || !strings.Contains(b, "DTEND:20261121T120000Z\r\n") || !strings.Contains(b, "DTSTAMP:20261121T110000Z\r\n") {
		t.Error(b)
	}
}

func TestCalendarWithoutEventsIsACalendar(t *testing.T) {
	b := Write(Calendar{Now: noon})
	if c, err := read(b); err != nil || len(c.Events()) != 0 {
		t.Errorf("%v\n%s", err, b)
	}
}

func FuzzWrite(f *testing.F) {
	f.Add("mira", "text, with; all\\of\nit\r\n", "https://x/?a=b", int64(0))
	f.Add(strings.Repeat("é", 100), "\xff\x00\x7f\u2028", "a\r\nATTENDEE:x", int64(1<<33))
	f.Add("BEGIN:VEVENT", "END:VCALENDAR\r\n", " ", int64(-1))
	f.Fuzz(func(t *testing.T, title, text, url string, at int64) {
		from := time.Unix(at%(1<<35), 0)
		if y := from.UTC().Year(); y < 1 || y > 9998 {
			return
		}
		b := Write(Calendar{Name: title, Text: text, Now: from, Events: []Event{{UID: "u@x", Title: title, Text: text, URL: url, From: from, To: from.Add(time.Hour)}}})
		c, err := read(b)
		if err != nil {
			t.Fatalf("%v\n%q", err, b)
		}
		if es := c.Events(); len(es) != 1 || es[0].Id() != "u@x" {
			t.Fatalf("%d events\n%q", len(c.Events()), b)
		}
		if got := parser.FromText(c.Events()[0].GetProperty(parser.ComponentPropertyDtStart).Value); got != from.UTC().Format(stamp) {
			t.Fatalf("begins %s, want %s", got, from.UTC().Format(stamp))
		}
		if want := strings.ToValidUTF8(title, "\uFFFD"); !strings.ContainsFunc(want, func(r rune) bool { return r < ' ' || r == 0x7f }) && want != "" {
			if got := property(c.Events()[0], parser.ComponentPropertySummary); got != want {
				t.Fatalf("title %q, want %q", got, want)
			}
		}
	})
}
