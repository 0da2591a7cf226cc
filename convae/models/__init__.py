"""The networks and their files; the lowest layer that imports torch.

architectures  classic, strided, residual
autoencoder    ConvAutoencoder: encode, decode, reconstruct
ordered_codes  the first K values of a code, and the conditioning of the decoder on K
refinement     optimization steps on the code after the encoder
devices        cpu, cuda or mps; precision; processes of one training
card           card.json, without torch; card_digest: what detects damage in it
weights_file   model.safetensors and its checks
checkpoints    card.json + model.safetensors: save, find, load; previous_weights: while one is saved
default_set    the image set a model is measured on where none is named
bundle         a checkpoint as one zip: export, import; upload: reads an uploaded one
"""
