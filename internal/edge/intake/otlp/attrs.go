package otlp

import (
	"strconv"

	"go.opentelemetry.io/collector/pdata/pcommon"
)

const unknownService = "unknown_service"

// origin is what we keep of a resource.
type origin struct {
	service, version, instance string
	attrs                      [len(kept)]string // values of kept, in its order
}

// kept are the attributes of a resource that say where a row is from; they are copied to each of its rows.
var kept = [...]string{
	"service.namespace", "deployment.environment.name", "deployment.environment",
	"cloud.region", "cloud.availability_zone",
	"k8s.namespace.name", "k8s.pod.name", "k8s.node.name", "host.name",
}

func originOf(r pcommon.Resource) origin {
	o := origin{service: unknownService}
	for k, v := range r.Attributes().All() {
		switch k {
		case "service.name":
			if s := text(v); s != "" {
				o.service = s
			}
		case "service.version":
			o.version = text(v)
		case "service.instance.id":
			o.instance = text(v)
		default:
			for i := range kept {
				if kept[i] == k {
					o.attrs[i] = text(v)
				}
			}
		}
	}
	return o
}

// into adds what the resource says to the attributes of a row, which win.
func (o *origin) into(attrs map[string]string) {
	for i, v := range o.attrs {
		if v == "" {
			continue
		}
		if _, ok := attrs[kept[i]]; !ok {
			attrs[kept[i]] = v
		}
	}
}

// text is a value as people read it: numbers in decimal, maps and lists as JSON, bytes as base64.
func text(v pcommon.Value) string {
	switch v.Type() {
	case pcommon.ValueTypeStr:
		return v.Str()
	case pcommon.ValueTypeInt:
		return strconv.FormatInt(v.Int(), 10)
	case pcommon.ValueTypeBool:
		return strconv.FormatBool(v.Bool())
	}
	return v.AsString()
}
