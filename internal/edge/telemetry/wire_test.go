package telemetry

import (
	"math"
	"reflect"
	"testing"
	"time"

	"nightkeeper/internal/loop/observe"
)

var (
	wireSpans = []observe.Span{
		{
			TraceID: tid(1), SpanID: sid(1), ParentID: sid(2), Service: "a", Version: "b", Instance: "c", Name: "d", Kind: observe.Client,
			Start: noon, Duration: time.Second, Error: true, Message: "e", Peer: "f", DB: "g", Resend: 3, Attrs: map[string]string{"k": "v", "": "x"},
		},
		{Start: time.Unix(0, 0).UTC()},
	}
	wireLines = []observe.LogLine{
		{Time: noon, Service: "a", Level: "INFO", Text: "text", TraceID: tid(1), SpanID: sid(1), Attrs: map[string]string{"k": "v"}},
	}
	wireSeries = []observe.Series{{Labels: map[string]string{"__name__": "m"}, Points: []observe.Point{{At: noon, Value: math.Inf(1)}, {At: noon, Value: -0.5}}}}
)

func TestWireRoundTrip(t *testing.T) {
	spans, err := decodeSpans(encodeSpans(wireSpans))
	if err != nil || !reflect.DeepEqual(spans, wireSpans) {
		t.Errorf("spans: %+v, %v", spans, err)
	}
	lines, err := decodeLines(encodeLines(wireLines))
	if err != nil || !reflect.DeepEqual(lines, wireLines) {
		t.Errorf("lines: %+v, %v", lines, err)
	}
	series, err := decodeSeries(encodeSeries(wireSeries))
	if err != nil || !reflect.DeepEqual(series, wireSeries) {
		t.Errorf("series: %+v, %v", series, err)
	}
}

func FuzzWire(f *testing.F) {
	f.Add(encodeSpans(wireSpans))
	f.Add(encodeLines(wireLines))
	f.Add(encodeSeries(wireSeries))
	f.Fuzz(func(t *testing.T, b []byte) {
		if spans, err := decodeSpans(b); err == nil {
			if again, err := decodeSpans(encodeSpans(spans)); err != nil || !reflect.DeepEqual(again, spans) {
				t.Fatalf("spans: %v", err)
			}
		}
		if lines, err := decodeLines(b); err == nil {
			if again, err := decodeLines(encodeLines(lines)); err != nil || !reflect.DeepEqual(again, lines) {
				t.Fatalf("lines: %v", err)
			}
		}
		if series, err := decodeSeries(b); err == nil {
			if again, err := decodeSeries(encodeSeries(series)); err != nil || len(again) != len(series) {
				t.Fatalf("series: %v", err)
			}
		}
	})
}
