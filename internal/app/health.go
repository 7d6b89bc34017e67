package app

import (
	"fmt"

	"nightkeeper/internal/edge/telemetry"
)

func engineText(h telemetry.Health) string {
	switch {
	case !h.Ready:
		return "not answering since " + h.Since.UTC().Format("15:04:05") + " UTC: " + h.LastError + "; alerts and pages do not depend on it"
	case h.Dropped > 0:
		return fmt.Sprintf("answers; %d rows were lost while it was away", h.Dropped)
	}
	return "answers"
}
