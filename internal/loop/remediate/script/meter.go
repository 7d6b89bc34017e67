package script

import (
	"unicode/utf8"

	"nightkeeper/internal/kit/errs"
)

// Bounds of what one run may write. Its journal, its facts, and the answers and pages that show them are made of it.
const (
	MaxLine    = 4 << 10 // bytes of one print; a longer one is cut and shows it
	MaxLines   = 1000    // prints
	MaxPrinted = 1 << 20 // bytes of all prints
	MaxJournal = 8 << 20 // bytes of all arguments and answers, encoded; the last answer may go over it
)

// Meter counts what one run writes, from its first line, also while it is played back: so that a limit is met at the
// same place each time.
type Meter struct{ lines, printed, written int }

// Ask counts a call that is about to be made. The error is ErrLimit when the call must not be made.
func (m *Meter) Ask(name string, args map[string]any) error {
	if text, ok := args["text"].(string); ok && name == Note {
		m.lines++
		m.printed += len(text)
	}
	m.written += len(appendValue(nil, args))
	switch {
	case m.lines > MaxLines:
		return errs.Wrap(ErrLimit, errs.Invalid, "script printed more than %d lines and was stopped; print what people need to know, once", MaxLines)
	case m.printed > MaxPrinted:
		return errs.Wrap(ErrLimit, errs.Invalid, "script printed more than %d KiB and was stopped; print what people need to know, once", MaxPrinted>>10)
	case m.written > MaxJournal:
		return errs.Wrap(ErrLimit, errs.Invalid, "script wrote more than %d MiB of arguments and answers to its journal and was stopped; ask for less, or less often", MaxJournal>>20)
	}
	return nil
}

// Took counts the answer to a call.
func (m *Meter) Took(r Result) { m.written += len(EncodeResult(r)) }

const cutMark = "… (cut)"

// line returns what print may write of a text.
func line(text string) string {
	if len(text) <= MaxLine {
		return text
	}
	n := MaxLine - len(cutMark)
	for range utf8.UTFMax - 1 {
		if utf8.RuneStart(text[n]) {
			break
		}
		n--
	}
	return text[:n] + cutMark
}
