// Package otlp takes telemetry in over the OpenTelemetry protocol: gRPC and HTTP, protobuf and JSON, traces, logs and
// metrics. It decodes what arrives into the words of observe (metrics stay as OTLP metrics, whose naming rules belong
// to the metric store) and hands it to a Sink.
//
//	bytes -> authorized -> bounded (inflated size, depth, number of messages) -> decoded -> Sink -> answer
//
// It is not the collector: it has no pipeline, no queue and no sampling, and a request is answered when the sink has
// answered. What it must never do is take the program down: sizes are bounded before memory is spent, a decoder that
// panics costs one request, and how many requests are decoded at once is limited.
package otlp
