package otlp

import (
	"compress/gzip"
	"errors"
	"io"
	"mime"
	"net/http"
	"strings"
	"sync/atomic"
	"time"
)

// bodyTimeout is how long a sender may take for its body.
const bodyTimeout = 30 * time.Second

// Handler answers POST /v1/traces, /v1/logs and /v1/metrics.
func (s *Server) Handler() http.Handler {
	mux := http.NewServeMux()
	for _, sig := range [...]signal{traces, logs, metrics} {
		mux.HandleFunc("/v1/"+sig.name, func(w http.ResponseWriter, r *http.Request) { s.serveHTTP(w, r, sig) })
	}
	return mux
}

func (s *Server) serveHTTP(w http.ResponseWriter, r *http.Request, sig signal) {
	enc, err := encodingOf(r)
	var answer []byte
	if err == nil {
		answer, err = s.receive(w, r, sig, enc)
	}
	if err != nil {
		s.refusalOf(err).write(w, enc)
		return
	}
	w.Header().Set("Content-Type", string(enc))
	_, _ = w.Write(answer) // the sender may be gone
}

func (s *Server) receive(w http.ResponseWriter, r *http.Request, sig signal, enc encoding) ([]byte, error) {
	if r.Method != http.MethodPost {
		return nil, &refusal{http.StatusMethodNotAllowed, 3, "use POST"}
	}
	if err := s.authorize(r.Header.Get("Authorization")); err != nil {
		return nil, err
	}
	// An error only says that this connection knows no deadlines.
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(bodyTimeout))
	body, free, err := s.readBody(w, r)
	defer free()
	if err != nil {
		return nil, err
	}
	return s.export(r.Context(), sig, enc, body)
}

// authorize checks the value of an Authorization header. gRPC calls it where nothing catches a panic.
func (s *Server) authorize(header string) (err error) {
	if s.cfg.Authorize == nil {
		return nil
	}
	defer func() {
		if p := recover(); p != nil {
			s.cfg.Log.Error("checking a token caused a panic", "panic", p)
			err = internalFault()
		}
	}()
	scheme, token, ok := strings.Cut(header, " ")
	if !ok || !strings.EqualFold(scheme, "bearer") {
		return denied("a token is required: send the header Authorization: Bearer <token>")
	}
	if err := s.cfg.Authorize(strings.TrimSpace(token)); err != nil {
		return denied("the token is not valid for sending telemetry")
	}
	return nil
}

// encodingOf is the encoding of a request. With an error it is that of the answer.
func encodingOf(r *http.Request) (encoding, error) {
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	switch {
	case err == nil && kind == string(protobuf):
		return protobuf, nil
	case err == nil && kind == string(jsonText), r.Method != http.MethodPost:
		return jsonText, nil
	}
	return jsonText, &refusal{
		http.StatusUnsupportedMediaType, 3,
		"Content-Type must be application/x-protobuf or application/json, not " + clip(r.Header.Get("Content-Type")),
	}
}

// readBody reads and inflates a body within the limits. free must be called when the bytes are not used any more, also
// after an error.
func (s *Server) readBody(w http.ResponseWriter, r *http.Request) (body []byte, free func(), err error) {
	limit := s.cfg.MaxBody
	wire := http.MaxBytesReader(w, r.Body, limit)
	switch enc := strings.ToLower(r.Header.Get("Content-Encoding")); enc {
	case "", "identity":
		if r.ContentLength > limit {
			return nil, func() {}, tooLarge(limit)
		}
		return s.readAll(wire, r.ContentLength)
	case "gzip":
		z, err := s.gunzip(wire)
		if err != nil {
			return nil, func() {}, badBody(err, limit)
		}
		defer s.inflaters.Put(z)
		return s.readAll(z, min(4*r.ContentLength, limit))
	default:
		return nil, func() {}, &refusal{
			http.StatusUnsupportedMediaType, 3, "Content-Encoding must be gzip or absent, not " + clip(enc),
		}
	}
}

// readAll reads up to the limit of a body. Memory is taken from a common budget before it is allocated, as the body
// grows, so that many large or slow senders cannot exhaust it.
func (s *Server) readAll(r io.Reader, hint int64) ([]byte, func(), error) {
	limit := s.cfg.MaxBody
	var taken int64
	free := func() { s.memory.give(taken) }
	grow := func(buf []byte, size int64) ([]byte, error) {
		if !s.memory.take(size - taken) {
			return nil, busy("too many large requests at once; try again")
		}
		taken = size
		return append(make([]byte, 0, size), buf...), nil
	}
	// A claimed length is believed up to 1 MiB; beyond that bytes have to arrive.
	buf, err := grow(nil, min(max(hint+1, 4<<10), 1<<20))
	if err != nil {
		return nil, free, err
	}
	for {
		if len(buf) == cap(buf) {
			if buf, err = grow(buf, min(2*int64(cap(buf)), limit+1)); err != nil {
				return nil, free, err
			}
		}
		n, err := r.Read(buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		switch {
		case int64(len(buf)) > limit:
			return nil, free, tooLarge(limit)
		case errors.Is(err, io.EOF):
			return buf, free, nil
		case err != nil:
			return nil, free, badBody(err, limit)
		}
	}
}

func badBody(err error, limit int64) error {
	var over *http.MaxBytesError
	if errors.As(err, &over) {
		return tooLarge(limit)
	}
	return invalid("the body could not be read: %s", clip(err.Error()))
}

// gunzip returns a reader of what is in r. It comes from a pool because each costs 40 kB to make.
func (s *Server) gunzip(r io.Reader) (*gzip.Reader, error) {
	if z, ok := s.inflaters.Get().(*gzip.Reader); ok {
		return z, z.Reset(r)
	}
	return gzip.NewReader(r)
}

// budget is an amount of memory that is shared.
type budget struct{ left atomic.Int64 }

func (b *budget) take(n int64) bool {
	if b.left.Add(-n) < 0 {
		b.left.Add(n)
		return false
	}
	return true
}

func (b *budget) give(n int64) { b.left.Add(n) }
