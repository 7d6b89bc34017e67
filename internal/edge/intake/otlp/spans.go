package otlp

import (
	"encoding/hex"
	"strconv"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"nightkeeper/internal/loop/observe"
)

// spansOf translates all spans of a request. Spans without ids belong nowhere and are counted as rejected.
func spansOf(td ptrace.Traces, now time.Time) ([]observe.Span, rejection) {
	var rej rejection
	out := make([]observe.Span, 0, td.SpanCount())
	for _, rs := range td.ResourceSpans().All() {
		from := originOf(rs.Resource())
		for _, ss := range rs.ScopeSpans().All() {
			for _, s := range ss.Spans().All() {
				if s.TraceID().IsEmpty() || s.SpanID().IsEmpty() {
					rej.add(1, "span without trace id or span id")
					continue
				}
				out = append(out, observe.Span{})
				fillSpan(&out[len(out)-1], s, &from, now)
			}
		}
	}
	return out, rej
}

func fillSpan(to *observe.Span, s ptrace.Span, from *origin, now time.Time) {
	to.TraceID, to.SpanID, to.ParentID = ids(s.TraceID(), s.SpanID(), s.ParentSpanID())
	to.Service, to.Version, to.Instance = from.service, from.version, from.instance
	to.Name = s.Name()
	to.Kind = kindOf(s.Kind())
	to.Start, to.Duration = span(s.StartTimestamp(), s.EndTimestamp(), now)
	to.Error = s.Status().Code() == ptrace.StatusCodeError
	to.Message = s.Status().Message()

	to.Attrs = make(map[string]string, s.Attributes().Len()+2)
	var peers peerNames
	httpStatus := 0
	for k, v := range s.Attributes().All() {
		t := text(v)
		to.Attrs[k] = t
		switch k {
		case "db.system.name":
			to.DB = t
		case "db.system":
			if to.DB == "" {
				to.DB = t
			}
		case "http.request.resend_count":
			to.Resend, _ = strconv.Atoi(t) // what is not a number is no resend
		case "http.response.status_code", "http.status_code":
			httpStatus, _ = strconv.Atoi(t)
		default:
			peers.note(k, t)
		}
	}
	from.into(to.Attrs)
	addException(to.Attrs, s.Events())
	to.Peer = peers.of(to.Kind)
	// Instrumentation often leaves the status of a server span unset; an explicit OK is believed.
	if to.Kind == observe.Server && httpStatus >= 500 && s.Status().Code() == ptrace.StatusCodeUnset {
		to.Error = true
	}
}

// ids writes three ids as lower-case hex into one string that they share. An empty parent is the empty string.
func ids(trace pcommon.TraceID, self, parent pcommon.SpanID) (string, string, string) {
	var buf [64]byte
	hex.Encode(buf[:32], trace[:])
	hex.Encode(buf[32:48], self[:])
	if parent.IsEmpty() {
		s := string(buf[:48])
		return s[:32], s[32:], ""
	}
	hex.Encode(buf[48:], parent[:])
	s := string(buf[:])
	return s[:32], s[32:48], s[48:]
}

func kindOf(k ptrace.SpanKind) observe.Kind {
	switch k {
	case ptrace.SpanKindServer:
		return observe.Server
	case ptrace.SpanKindClient:
		return observe.Client
	case ptrace.SpanKindProducer:
		return observe.Producer
	case ptrace.SpanKindConsumer:
		return observe.Consumer
	}
	return observe.Internal
}

// span is when a span was. Clocks that run backwards give a negative duration, which becomes zero; a missing start is
// the end, and a missing end is the start.
func span(start, end pcommon.Timestamp, now time.Time) (time.Time, time.Duration) {
	switch {
	case start == 0 && end == 0:
		return now.UTC(), 0
	case start == 0:
		start = end
	case end < start:
		end = start
	}
	return start.AsTime(), time.Duration(min(uint64(end-start), 1<<62))
}

// peerNames are the attributes that may name the service called, the best first.
type peerNames struct{ semantic, peer, server, netPeer, network string }

func (p *peerNames) note(key, value string) {
	switch key {
	case "service.peer.name":
		p.semantic = value
	case "peer.service":
		p.peer = value
	case "server.address":
		p.server = value
	case "net.peer.name":
		p.netPeer = value
	case "network.peer.address":
		p.network = value
	}
}

// of is the service that a span of this kind calls. On the side that is called, addresses are its own or its caller's.
func (p *peerNames) of(kind observe.Kind) string {
	switch kind {
	case observe.Server, observe.Consumer:
		return ""
	case observe.Internal:
		return first(p.semantic, p.peer)
	}
	return first(p.semantic, p.peer, p.server, p.netPeer, p.network)
}

func first(names ...string) string {
	for _, n := range names {
		if n != "" {
			return n
		}
	}
	return ""
}

// addException keeps what the last exception event of a span says.
func addException(attrs map[string]string, events ptrace.SpanEventSlice) {
	for _, e := range events.All() {
		if e.Name() != "exception" {
			continue
		}
		for _, k := range [...]string{"exception.type", "exception.message"} {
			if v, ok := e.Attributes().Get(k); ok {
				attrs[k] = text(v)
			}
		}
	}
}
