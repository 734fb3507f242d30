"""What touches TensorFlow's and Keras' insides: import, threads, global state, kernels."""
