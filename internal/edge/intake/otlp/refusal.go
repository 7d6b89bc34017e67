package otlp

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"

	"nightkeeper/internal/kit/errs"
)

// retryAfter is when a sender may try again.
const retryAfter = 2 * time.Second

// refusal is an answer that is not a success, in the words of both transports.
type refusal struct {
	http    int
	grpc    codes.Code
	message string
}

// Error returns the message, which is meant for the sender.
func (r *refusal) Error() string { return r.message }

// GRPCStatus is the refusal as gRPC wants it.
func (r *refusal) GRPCStatus() *status.Status {
	st := status.New(r.grpc, r.message)
	if r.grpc != codes.Unavailable {
		return st
	}
	if with, err := st.WithDetails(&errdetails.RetryInfo{RetryDelay: durationpb.New(retryAfter)}); err == nil {
		return with
	}
	return st
}

// write answers an HTTP request with the refusal as a google.rpc.Status in the request's encoding.
func (r *refusal) write(w http.ResponseWriter, enc encoding) {
	var body []byte
	if enc == protobuf {
		body = binary.AppendUvarint([]byte{1 << 3}, uint64(r.grpc))               // int32 code = 1
		body = binary.AppendUvarint(append(body, 2<<3|2), uint64(len(r.message))) // string message = 2
		body = append(body, r.message...)
	} else {
		enc = jsonText
		body, _ = json.Marshal(map[string]any{"code": int(r.grpc), "message": r.message}) // cannot fail
	}
	h := w.Header()
	h.Set("Content-Type", string(enc))
	switch r.http {
	case http.StatusServiceUnavailable:
		h.Set("Retry-After", strconv.Itoa(int(retryAfter/time.Second)))
	case http.StatusUnauthorized:
		h.Set("WWW-Authenticate", "Bearer")
	case http.StatusMethodNotAllowed:
		h.Set("Allow", http.MethodPost)
	}
	w.WriteHeader(r.http)
	_, _ = w.Write(body) // the sender may be gone
}

func invalid(format string, args ...any) *refusal {
	return &refusal{http.StatusBadRequest, codes.InvalidArgument, fmt.Sprintf(format, args...)}
}

func tooLarge(limit int64) *refusal {
	return &refusal{
		http.StatusRequestEntityTooLarge, codes.ResourceExhausted,
		fmt.Sprintf("body is over %s; send smaller batches", sizeText(limit)),
	}
}

func tooMany(what string, limit int) *refusal {
	return &refusal{
		http.StatusRequestEntityTooLarge, codes.ResourceExhausted,
		fmt.Sprintf("body has more than %d %s; send smaller batches", limit, what),
	}
}

func busy(message string) *refusal {
	return &refusal{http.StatusServiceUnavailable, codes.Unavailable, message}
}

func denied(message string) *refusal {
	return &refusal{http.StatusUnauthorized, codes.Unauthenticated, message}
}

func internalFault() *refusal {
	return &refusal{http.StatusInternalServerError, codes.Internal, "internal error"}
}

// notOTLP says what would have been right.
func notOTLP(sig signal, enc encoding, cause error) *refusal {
	if enc == jsonText {
		return invalid("this is not an OTLP %s request in JSON: expected an object like {\"%s\":[...]}: %s", sig.name, sig.field, clip(cause.Error()))
	}
	return invalid("this is not an OTLP %s request in protobuf: expected an %s: %s", sig.name, sig.message, clip(cause.Error()))
}

// refusalOf translates what a sink or a decoder returned. Causes that are not the sender's business go to the log.
func (s *Server) refusalOf(err error) *refusal {
	var r *refusal
	if errors.As(err, &r) {
		return r
	}
	switch errs.CodeOf(err) {
	case errs.Unavailable:
		return busy(errs.Message(err))
	case errs.Invalid, errs.Conflict, errs.NotFound:
		return invalid("%s", errs.Message(err))
	case errs.Denied:
		return &refusal{http.StatusForbidden, codes.PermissionDenied, errs.Message(err)}
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return busy("the request ended before it was taken; try again")
	}
	s.cfg.Log.Error("OTLP request could not be taken", "error", err)
	return internalFault()
}

// clip keeps a decoder from quoting a whole body back.
func clip(s string) string {
	if len(s) > 200 {
		return s[:200] + "..."
	}
	return s
}

func sizeText(n int64) string {
	if n >= 1<<20 && n%(1<<20) == 0 {
		return strconv.FormatInt(n>>20, 10) + " MiB"
	}
	return strconv.FormatInt(n, 10) + " bytes"
}
