// The same series from client_golang, as its documentation has one write an exporter: one GaugeVec a family, set when a reading
// comes, and promhttp to serve them. Arguments: the number of devices, and the names of the metrics, joined by commas.
package main

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

const parts = 20

func value(device, index, step int) float64 {
	number := (device*31 + index*17 + step*7) % 10007
	if index%4 == 0 {
		return float64(number)
	}
	return float64(number) / 10
}

func main() {
	devices, err := strconv.Atoi(os.Args[1])
	if err != nil {
		panic(err)
	}
	registry := prometheus.NewRegistry()
	gauges := make([][]prometheus.Gauge, devices)
	for _, name := range strings.Split(os.Args[2], ",") {
		family := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: name, Help: "Enerclo field."}, []string{"deviceSn", "type"})
		registry.MustRegister(family)
		for device := range gauges {
			gauges[device] = append(gauges[device], family.WithLabelValues(fmt.Sprintf("UMD0D%05d", device), "pbd"))
		}
	}
	read := func(device, step int) {
		for index, gauge := range gauges[device] {
			gauge.Set(value(device, index, step))
		}
	}
	for device := range gauges {
		read(device, 0)
	}

	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	http.Handle("/metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	go func() { panic(http.Serve(listener, nil)) }()

	fmt.Printf("listening on http://%s\n", listener.Addr())
	lines := bufio.NewScanner(os.Stdin)
	for change := 0; lines.Scan(); change++ {
		for device := change % parts; device < devices; device += parts {
			read(device, change/parts+1)
		}
		fmt.Println("done")
	}
}
