"""All that depends on the insides of TensorFlow and Keras: import, global state, kernels."""
