// Package forecast looks a few hours ahead on one metric and says how likely it is that a threshold is crossed, and when.
// It fits several models to the history, tries each on the past (rolling origins), and lets the winner speak only when
// it was better there than seasonal naive, which repeats the same time of the day before. It stores nothing, asks nobody
// and pages nobody: what comes out is a forecast with its reason.
//
// The models: Prophet's (piecewise-linear trend, Fourier seasons, additive or multiplicative; the same priors and the same
// maximum), Holt-Winters with a daily and a weekly season, an autoregression on the last values and on those a day and a
// week ago, a straight line, seasonal naive of a day and of a week, and the mean of the three that did best.
//
// Prophet's model is fitted to every point of the history, without thinning. One pass collects moments of time and
// seasons in each piece of the trend; all further steps of the fit work on these moments only, and are exact.
package forecast
