package sandbox

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"nightkeeper/internal/kit/errs"
	"nightkeeper/internal/loop/remediate/script"
)

// The protocol: the parent sends one start; the child sends calls, each answered by an answer, and then an end or a
// failure. One message is one line. Values travel in the canonical encoding of package script.

// start is all that a child gets.
type start struct {
	Source      script.Source    `json:"source"`
	Inputs      json.RawMessage  `json:"inputs"`
	Builtins    []script.Builtin `json:"builtins"` // without defaults: the parent fills them in
	Steps       uint64           `json:"steps"`
	Calls       int              `json:"calls"`
	MemoryBytes uint64           `json:"memory_bytes"`
	CPUSeconds  uint64           `json:"cpu_seconds"`
}

// message is what a child says: one field is set.
type message struct {
	Call    *call    `json:"call,omitempty"`
	End     *end     `json:"end,omitempty"`
	Failure *failure `json:"failure,omitempty"`
}

type call struct {
	Seq  int             `json:"seq"`
	Name string          `json:"name"`
	Args json.RawMessage `json:"args"`
	Site string          `json:"site"`
}

type end struct {
	Kind    script.Kind     `json:"kind"`
	Reason  string          `json:"reason"`
	Context json.RawMessage `json:"context"`
	Site    string          `json:"site"`
	Trace   string          `json:"trace"`
}

// failure is an error of the script's source or its limits.
type failure struct {
	Code     errs.Code       `json:"code"`
	Message  string          `json:"message"`
	Detail   string          `json:"detail"`
	Limit    bool            `json:"limit"`
	Problems script.Problems `json:"problems,omitempty"`
}

// answer is the result of a call, encoded by package script.
type answer struct {
	Result json.RawMessage `json:"result"`
}

// Bounds on one line. What a parent sends is larger: escapes can make six bytes of one.
const (
	maxFromChild  = 4 << 20
	maxFromParent = 64 << 20
	maxText       = 64 << 10 // of a reason or a trace
)

var errLongLine = errors.New("a line is too long")

// readLine returns the next line without its end, and never holds more than limit of it.
func readLine(r *bufio.Reader, limit int) ([]byte, error) {
	var line []byte
	for {
		part, err := r.ReadSlice('\n')
		if len(line)+len(part) > limit {
			return nil, errLongLine
		}
		line = append(line, part...)
		switch {
		case err == nil:
			return line[:len(line)-1], nil
		case errors.Is(err, bufio.ErrBufferFull):
		case errors.Is(err, io.EOF) && len(line) > 0:
			return nil, io.ErrUnexpectedEOF
		default:
			return nil, err
		}
	}
}

func writeLine(w io.Writer, v any) error {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return fmt.Errorf("encode message: %w", err)
	}
	_, err := w.Write(b.Bytes())
	return err
}

// head keeps the first bytes written to it and forgets the rest.
type head struct{ b []byte }

// Write keeps what fits.
func (h *head) Write(p []byte) (int, error) {
	h.b = append(h.b, p[:min(len(p), maxText-len(h.b))]...)
	return len(p), nil
}
