package ical

import (
	"bytes"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// Calendar is what a program that follows it shows.
type Calendar struct {
	Name   string
	Text   string
	Now    time.Time     // when it was made
	Reread time.Duration // how often it is worth to be read again
	Events []Event
}

// Event is one entry. The UID stays the same as long as it is about the same thing.
type Event struct {
	UID      string
	Title    string
	Text     string
	URL      string
	From, To time.Time
}

const stamp = "20060102T150405Z"

// Write returns the calendar.
func Write(c Calendar) []byte {
	var w writer
	w.line("BEGIN:VCALENDAR")
	w.line("VERSION:2.0")
	w.line("PRODID:-//Nightkeeper//On call//EN")
	w.line("CALSCALE:GREGORIAN")
	w.line("METHOD:PUBLISH")
	w.text("X-WR-CALNAME", c.Name)
	w.text("X-WR-CALDESC", c.Text)
	if m := int(c.Reread / time.Minute); m > 0 {
		every := "PT" + strconv.Itoa(m) + "M"
		w.line("REFRESH-INTERVAL;VALUE=DURATION:" + every)
		w.line("X-PUBLISHED-TTL:" + every)
	}
	for _, e := range c.Events {
		w.line("BEGIN:VEVENT")
		w.text("UID", e.UID)
		w.line("DTSTAMP:" + c.Now.UTC().Format(stamp))
		w.line("DTSTART:" + e.From.UTC().Format(stamp))
		w.line("DTEND:" + e.To.UTC().Format(stamp))
		w.text("SUMMARY", e.Title)
		w.text("DESCRIPTION", e.Text)
		if u := plain(e.URL); u != "" {
			w.line("URL:" + u)
		}
		w.line("TRANSP:TRANSPARENT") // being on call does not make somebody busy
		w.line("END:VEVENT")
	}
	w.line("END:VCALENDAR")
	return w.b.Bytes()
}

type writer struct{ b bytes.Buffer }

// text writes a property of text; one without text is left out.
func (w *writer) text(name, value string) {
	if v := escape(value); v != "" {
		w.line(name + ":" + v)
	}
}

// maxLine is how many bytes a line may have without its end.
const maxLine = 75

// line writes a content line, folded between characters.
func (w *writer) line(s string) {
	for room := maxLine; len(s) > room; room = maxLine - 1 {
		cut := room
		for !utf8.RuneStart(s[cut]) {
			cut--
		}
		w.b.WriteString(s[:cut])
		w.b.WriteString("\r\n ")
		s = s[cut:]
	}
	w.b.WriteString(s)
	w.b.WriteString("\r\n")
}

// escape writes text so that it stays one value. Line ends become \n; what no text may hold is left out.
func escape(s string) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	s = strings.ReplaceAll(s, "\r\n", "\n")
	var b strings.Builder
	for _, r := range s {
		switch {
		case r == '\\' || r == ';' || r == ',':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r == '\n' || r == '\r':
			b.WriteString(`\n`)
		case r == '\t' || r >= ' ' && r != 0x7F:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// plain returns an address without what no line may hold.
func plain(s string) string {
	return strings.Map(func(r rune) rune {
		if r <= ' ' || r == 0x7F || r == utf8.RuneError {
			return -1
		}
		return r
	}, s)
}
