"""A simulated cloud that tests steer and watch: faults on demand, a log of requests, and a control side over HTTP."""
