package dashboard

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/contrail-events/contrail/internal/picture"
)

// seriesView is the figures over time, that the charts are drawn from.
type seriesView struct {
	picture.Series

	MinutesBack int `json:"minutes"`
}

// moment is the figures of one time.
type moment struct {
	At                           time.Time
	Appended, Published, Handled *float64
	LagEvents, LagSeconds        *float64
	PublishP50, PublishP99       *float64
	HandleP50, HandleP99         *float64
}

func (d *Dashboard) readSeries(_ context.Context, r *request) (any, error) {
	return r.series(d.sampler.Series())
}

// series are the last ?minutes= of the figures: 15, or up to 60.
func (r *request) series(all picture.Series) (seriesView, error) {
	const usual, most = 15, 60
	minutes := usual
	if text := r.query().Get("minutes"); text != "" {
		var err error
		if minutes, err = strconv.Atoi(text); err != nil || minutes < 1 || minutes > most {
			return seriesView{}, errBadInput(fmt.Sprintf("minutes is %q; give a number from 1 to %d", text, most))
		}
	}
	from := float64(r.now.Add(-time.Duration(minutes) * time.Minute).Unix())
	skip := 0
	for skip < len(all.At) && all.At[skip] < from {
		skip++
	}
	return seriesView{behind(all, skip), minutes}, nil
}

// behind are the series without their first points. None of them is null in JSON.
func behind(all picture.Series, skip int) picture.Series {
	cut := func(column []*float64) []*float64 { return append([]*float64{}, column[min(skip, len(column)):]...) }
	return picture.Series{
		At: append([]float64{}, all.At[skip:]...), Appended: cut(all.Appended), Published: cut(all.Published), Handled: cut(all.Handled),
		LagEvents: cut(all.LagEvents), LagSeconds: cut(all.LagSeconds), PublishP50: cut(all.PublishP50), PublishP99: cut(all.PublishP99),
		HandleP50: cut(all.HandleP50), HandleP99: cut(all.HandleP99),
	}
}

// Minutes are the last figures of each minute, the newest first: what a table has room for.
func (v seriesView) Minutes() []moment {
	var minutes []moment
	for i, seconds := range slices.Backward(v.At) {
		at := time.UnixMilli(int64(seconds * 1000))
		if len(minutes) > 0 && at.Truncate(time.Minute).Equal(minutes[len(minutes)-1].At.Truncate(time.Minute)) {
			continue
		}
		minutes = append(minutes, moment{
			At: at, Appended: v.Appended[i], Published: v.Published[i], Handled: v.Handled[i], LagEvents: v.LagEvents[i], LagSeconds: v.LagSeconds[i],
			PublishP50: v.PublishP50[i], PublishP99: v.PublishP99[i], HandleP50: v.HandleP50[i], HandleP99: v.HandleP99[i],
		})
	}
	return minutes
}
