package script

import "nightkeeper/internal/kit/near"

// didYouMean returns "; did you mean X?" for the candidate that is a small slip away from name, or "".
func didYouMean(name string, candidates []string) string {
	best := near.To(name, candidates)
	if best == "" {
		return ""
	}
	return "; did you mean " + best + "?"
}
