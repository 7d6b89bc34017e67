package telemetry

import (
	"encoding/binary"
	"errors"
	"math"
	"time"

	"nightkeeper/internal/loop/observe"
)

// Batches cross the socket in a small encoding of our own: lengths and numbers as varints, strings in one piece that
// the decoded values share. It is read only by the same binary that wrote it, so it has one version byte and no more.
const wireVersion = 1

var errWire = errors.New("malformed batch")

func encodeSpans(spans []observe.Span) []byte {
	w := newWriter(len(spans), 400)
	for i := range spans {
		s := &spans[i]
		for _, v := range [...]string{
			s.TraceID, s.SpanID, s.ParentID, s.Service, s.Version, s.Instance, s.Name, string(s.Kind), s.Message, s.Peer, s.DB,
		} {
			w.str(v)
		}
		w.int(s.Start.UnixNano())
		w.int(int64(s.Duration))
		w.bool(s.Error)
		w.int(int64(s.Resend))
		w.dict(s.Attrs)
	}
	return w.b
}

func decodeSpans(b []byte) ([]observe.Span, error) {
	r, n := newReader(b)
	spans := make([]observe.Span, 0, n)
	for range n {
		var s observe.Span
		var kind string
		for _, p := range [...]*string{
			&s.TraceID, &s.SpanID, &s.ParentID, &s.Service, &s.Version, &s.Instance, &s.Name, &kind, &s.Message, &s.Peer, &s.DB,
		} {
			*p = r.str()
		}
		s.Kind = observe.Kind(kind)
		s.Start = time.Unix(0, r.int()).UTC()
		s.Duration = time.Duration(r.int())
		s.Error = r.bool()
		s.Resend = int(r.int())
		s.Attrs = r.dict()
		if r.bad {
			return nil, errWire
		}
		spans = append(spans, s)
	}
	return spans, r.end()
}

func encodeLines(lines []observe.LogLine) []byte {
	w := newWriter(len(lines), 300)
	for i := range lines {
		l := &lines[i]
		w.int(l.Time.UnixNano())
		for _, v := range [...]string{l.Service, l.Level, l.Text, l.TraceID, l.SpanID} {
			w.str(v)
		}
		w.dict(l.Attrs)
	}
	return w.b
}

func decodeLines(b []byte) ([]observe.LogLine, error) {
	r, n := newReader(b)
	lines := make([]observe.LogLine, 0, n)
	for range n {
		var l observe.LogLine
		l.Time = time.Unix(0, r.int()).UTC()
		for _, p := range [...]*string{&l.Service, &l.Level, &l.Text, &l.TraceID, &l.SpanID} {
			*p = r.str()
		}
		l.Attrs = r.dict()
		if r.bad {
			return nil, errWire
		}
		lines = append(lines, l)
	}
	return lines, r.end()
}

func encodeSeries(series []observe.Series) []byte {
	w := newWriter(len(series), 400)
	for _, s := range series {
		w.dict(s.Labels)
		w.uint(uint64(len(s.Points)))
		for _, p := range s.Points {
			w.int(p.At.UnixNano())
			w.b = binary.LittleEndian.AppendUint64(w.b, math.Float64bits(p.Value)) // JSON has no NaN
		}
	}
	return w.b
}

func decodeSeries(b []byte) ([]observe.Series, error) {
	r, n := newReader(b)
	series := make([]observe.Series, 0, n)
	for range n {
		s := observe.Series{Labels: r.dict()}
		s.Points = make([]observe.Point, 0, r.count(9))
		for range cap(s.Points) {
			s.Points = append(s.Points, observe.Point{At: time.Unix(0, r.int()).UTC(), Value: r.float()})
		}
		if r.bad {
			return nil, errWire
		}
		series = append(series, s)
	}
	return series, r.end()
}

type wireWriter struct{ b []byte }

func newWriter(rows, guess int) *wireWriter {
	w := &wireWriter{b: make([]byte, 0, 16+rows*guess)}
	w.b = append(w.b, wireVersion)
	w.uint(uint64(rows))
	return w
}

func (w *wireWriter) uint(n uint64) { w.b = binary.AppendUvarint(w.b, n) }
func (w *wireWriter) int(n int64)   { w.b = binary.AppendVarint(w.b, n) }

func (w *wireWriter) bool(v bool) {
	if v {
		w.b = append(w.b, 1)
	} else {
		w.b = append(w.b, 0)
	}
}

func (w *wireWriter) str(s string) {
	w.uint(uint64(len(s)))
	w.b = append(w.b, s...)
}

func (w *wireWriter) dict(m map[string]string) {
	w.uint(uint64(len(m)))
	for k, v := range m {
		w.str(k)
		w.str(v)
	}
}

// wireReader reads until something is wrong; from then on it gives zero values and bad is set.
type wireReader struct {
	b   []byte
	s   string // the same bytes; decoded strings are parts of it
	i   int
	bad bool
}

// newReader returns a reader and the number of rows that follow.
func newReader(b []byte) (*wireReader, int) {
	r := &wireReader{b: b, s: string(b), i: 1}
	if len(b) == 0 || b[0] != wireVersion {
		r.bad = true
		return r, 0
	}
	return r, r.count(2)
}

func (r *wireReader) uint() uint64 {
	n, k := binary.Uvarint(r.b[r.i:])
	if k <= 0 {
		r.fail()
		return 0
	}
	r.i += k
	return n
}

func (r *wireReader) int() int64 {
	n, k := binary.Varint(r.b[r.i:])
	if k <= 0 {
		r.fail()
		return 0
	}
	r.i += k
	return n
}

// count reads a number of things of at least size bytes each, which bounds what a malformed batch can make us allocate.
func (r *wireReader) count(size int) int {
	n := r.uint()
	if n > uint64((len(r.b)-r.i)/size) {
		r.fail()
		return 0
	}
	return int(n)
}

func (r *wireReader) bool() bool { return r.uint() != 0 }

func (r *wireReader) float() float64 {
	if len(r.b)-r.i < 8 {
		r.fail()
		return 0
	}
	v := math.Float64frombits(binary.LittleEndian.Uint64(r.b[r.i:]))
	r.i += 8
	return v
}

func (r *wireReader) str() string {
	n := r.count(1)
	s := r.s[r.i : r.i+n]
	r.i += n
	return s
}

func (r *wireReader) dict() map[string]string {
	n := r.count(2)
	if n == 0 {
		return nil
	}
	m := make(map[string]string, n)
	for range n {
		k := r.str()
		m[k] = r.str()
	}
	return m
}

func (r *wireReader) fail() {
	r.bad = true
	r.i = len(r.b)
}

func (r *wireReader) end() error {
	if r.bad || r.i != len(r.b) {
		return errWire
	}
	return nil
}
