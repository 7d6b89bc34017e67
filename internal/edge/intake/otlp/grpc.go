package otlp

import (
	"context"
	"fmt"

	"google.golang.org/grpc"
	_ "google.golang.org/grpc/encoding/gzip" // senders may compress
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/tap"
)

// newGRPC is a gRPC server whose messages are bytes: decoding them is ours, so that a malformed message is an invalid
// argument and not an internal error, and so that decoding is bounded in the same way as over HTTP.
func (s *Server) newGRPC() *grpc.Server {
	srv := grpc.NewServer(
		grpc.ForceServerCodecV2(bytesCodec{}),
		grpc.MaxRecvMsgSize(int(s.cfg.MaxBody)),
		grpc.MaxConcurrentStreams(100),
		grpc.InTapHandle(s.admit),
	)
	for sig, service := range map[*signal]string{
		&traces:  "opentelemetry.proto.collector.trace.v1.TraceService",
		&logs:    "opentelemetry.proto.collector.logs.v1.LogsService",
		&metrics: "opentelemetry.proto.collector.metrics.v1.MetricsService",
	} {
		srv.RegisterService(&grpc.ServiceDesc{
			ServiceName: service,
			HandlerType: (*any)(nil),
			Methods:     []grpc.MethodDesc{{MethodName: "Export", Handler: exportHandler(*sig)}},
		}, s)
	}
	return srv
}

func exportHandler(sig signal) grpc.MethodHandler {
	return func(srv any, ctx context.Context, dec func(any) error, _ grpc.UnaryServerInterceptor) (any, error) {
		var body mem.BufferSlice
		if err := dec(&body); err != nil {
			return nil, err
		}
		defer body.Free()
		whole := body.MaterializeToBuffer(mem.DefaultBufferPool())
		defer whole.Free()
		answer, err := srv.(*Server).export(ctx, sig, protobuf, whole.ReadOnlyData())
		if err != nil {
			return nil, err
		}
		return answer, nil
	}
}

// admit decides about a request when only its headers are here, before memory is spent on its body.
func (s *Server) admit(ctx context.Context, info *tap.Info) (context.Context, error) {
	if err := s.authorize(firstValue(info.Header, "authorization")); err != nil {
		return ctx, err
	}
	select {
	case s.inFlight <- struct{}{}:
		context.AfterFunc(ctx, func() { <-s.inFlight })
		return ctx, nil
	default:
		return ctx, busy("too many requests at once; try again")
	}
}

func firstValue(md metadata.MD, key string) string {
	if v := md.Get(key); len(v) > 0 {
		return v[0]
	}
	return ""
}

// bytesCodec passes messages through as they are.
type bytesCodec struct{}

// Name is that of the codec it stands for, because it is part of the content type.
func (bytesCodec) Name() string { return "proto" }

// Marshal takes a []byte.
func (bytesCodec) Marshal(v any) (mem.BufferSlice, error) {
	b, ok := v.([]byte)
	if !ok {
		return nil, fmt.Errorf("marshal %T as bytes", v)
	}
	return mem.BufferSlice{mem.SliceBuffer(b)}, nil
}

// Unmarshal gives its own reference of the message to a *mem.BufferSlice.
func (bytesCodec) Unmarshal(data mem.BufferSlice, v any) error {
	to, ok := v.(*mem.BufferSlice)
	if !ok {
		return fmt.Errorf("unmarshal bytes as %T", v)
	}
	data.Ref()
	*to = data
	return nil
}
